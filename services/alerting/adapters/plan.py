"""What the configuration makes of the service: the routing, and the channels that can send."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from driftline.alerting.config import default_routing, load, with_timers
from driftline.alerting.response import policy_file
from driftline.alerting.response.policy import ResponsePolicy
from driftline.alerting.routing import Routing
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.runtime.apprise_urls import apprise_url
from driftline.runtime.template_files import templates_beside
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.channels.registry import build_channels
from services.alerting.settings import AlertingSettings

log = structlog.get_logger("driftline.alerting")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reading of the configuration gave."""

    routing: Routing
    channels: Mapping[str, Channel]
    """Those that have an address, by name."""
    response: ResponsePolicy = field(default_factory=ResponsePolicy)
    """What automation may do to which model."""


class PlanInForce:
    """The plan that holds now. Who works by it asks at the beginning of each piece of work, from any thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def routing(self) -> Routing:
        """Routes, receivers, and what holds notifications back."""
        return self.plan.routing

    def response(self) -> ResponsePolicy:
        """What automation may do now."""
        return self.plan.response

    @property
    def configured(self) -> frozenset[str]:
        """Names of the channels that have an address."""
        return frozenset(self.plan.channels)


def read_plan(settings: AlertingSettings, clock: Clock) -> Plan:
    """Read everything that a reload reads again. Raises ConfigurationError, and then nothing is left open."""
    routing = read_routing(settings)
    response = read_policy(settings)
    return Plan(routing, build_channels(routing.channels, settings, clock), response)


def read_policy(settings: AlertingSettings) -> ResponsePolicy:
    """The policy of the automated response; without a file every model is in shadow."""
    path = settings.alerting_response_policy
    if path is None:
        return ResponsePolicy()
    try:
        return policy_file.load(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is no UTF-8"
        raise ConfigurationError(f"DRIFTLINE_ALERTING_RESPONSE_POLICY={path} cannot be read: {problem}") from error


def read_routing(settings: AlertingSettings) -> Routing:
    """The configured routing, else the default by priority; timers of the settings win."""
    path = settings.alerting_config
    if path is None:
        routing = default_routing(webhook=settings.alerting_webhook_url is not None)
    else:
        try:
            text = path.read_text(encoding="utf-8")
            routing = load(text, source=str(path), apprise=apprise_url, templates=templates_beside(path))
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no UTF-8"
            raise ConfigurationError(f"DRIFTLINE_ALERTING_CONFIG={path} cannot be read: {problem}") from error
        for warning in routing.warnings:
            log.warning("alerting configuration", warning=warning)
    return with_timers(routing, **settings.timers_us)
