"""From the configuration to channels that can send. What has no address is left out: the pipeline then says `not_configured`."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from driftline.alerting.routing import ChannelSpec
from driftline.alerting.signature import parse_secret
from driftline.alerting.templates.own_texts import OwnTexts
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels import configured
from services.alerting.adapters.channels.apprise import AppriseChannel
from services.alerting.adapters.channels.configured import Given
from services.alerting.adapters.channels.email import EmailChannel
from services.alerting.adapters.channels.json_post import Reach
from services.alerting.adapters.channels.pagerduty import PagerDutyChannel, PagerDutyService
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.channels.slack import SlackBot, SlackBotChannel, SlackWebhookChannel
from services.alerting.adapters.channels.splunk import SplunkChannel
from services.alerting.adapters.channels.teams import TeamsChannel
from services.alerting.adapters.channels.ticket import TicketChannel
from services.alerting.adapters.channels.webhook import WebhookChannel, WebhookTarget
from services.alerting.settings import ChannelSettings

log = structlog.get_logger("driftline.alerting")

_ADDRESSES = ("url", "api_url", "webhook_url", "smarthost")
_CALLS_OF_A_BOT = 2
"""chat.update and chat.postMessage share the time of one message."""


def build_channels(specs: Mapping[str, ChannelSpec], settings: ChannelSettings, clock: Clock) -> dict[str, Channel]:
    """A channel for every spec that has an address, by name. Raises ConfigurationError where an address cannot be used."""
    channels: dict[str, Channel] = {}
    for name, spec in specs.items():
        build = _BUILDERS.get(spec.kind)
        channel = None if build is None else build(spec, settings, clock)
        if channel is not None:
            channels[name] = channel if spec.texts is None else _with_texts(channel, spec.texts, name)
            _warn_of_private(spec, settings)
    return channels


def _with_texts(channel: Channel, texts: OwnTexts, name: str) -> Channel:
    from services.alerting.adapters.channels.worded import WordedChannel  # which loads Jinja2

    receiver, _, _ = name.rsplit("/", 2)
    return WordedChannel(channel, texts, receiver)


def _warn_of_private(spec: ChannelSpec, settings: ChannelSettings) -> None:
    """Say now what every message would fail by; names are looked up when something is sent."""
    for written in (spec.url, *(spec.options.get(name) for name in _ADDRESSES)):
        try:
            host = urlsplit(text if "://" in (text := str(written or "")) else f"//{text}").hostname
            address = ip_address("127.0.0.1" if host == "localhost" else host or "")
        except ValueError:  # a name, or nothing
            continue
        if not settings.allowed.permits(address):
            log.warning(
                "nothing will be sent to an address that is not public",
                channel=spec.name,
                address=host,
                remedy="if it is meant, add it to DRIFTLINE_ALERTING_ALLOW_ADDRESSES",
            )


def _webhook(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    url = spec.url or Given(spec).text("url")
    own = url is not None
    url = url or settings.alerting_webhook_url
    if url is None:
        return None
    keys = _keys(spec) if spec.secret_file is not None else settings.webhook_keys
    if not keys:
        where = f"secret_file of {spec.name}, or " if own else ""
        log.warning(
            "a webhook has no secret: it is sent unsigned, so its receiver cannot know that it comes from here",
            channel=spec.name,
            remedy=f"put a secret whsec_... into {where}DRIFTLINE_ALERTING_WEBHOOK_SECRET",
        )
    return WebhookChannel(WebhookTarget(url=url, keys=keys, timeout_seconds=spec.timeout_seconds), settings.allowed, clock)


def _keys(spec: ChannelSpec) -> tuple[bytes, ...]:
    file = str(spec.secret_file)
    try:
        lines = Path(file).read_text(encoding="utf-8").split()
        keys = tuple(map(parse_secret, lines))
    except OSError as error:
        raise ConfigurationError(f"{spec.name}: {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{spec.name}: {file}: {error}") from error
    if not keys:
        raise ConfigurationError(f"{spec.name}: {file} is empty; put a secret whsec_... into it")
    return keys


def _slack(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.slack(Given(spec), settings)
    buttons = settings.alerting_slack_signing_secret is not None
    if isinstance(where, SlackBot):
        return SlackBotChannel(where, _reach(spec, settings, clock, calls=_CALLS_OF_A_BOT), buttons=buttons)
    return None if where is None else SlackWebhookChannel(where, _reach(spec, settings, clock), buttons=buttons)


def _teams(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.teams(Given(spec), settings)
    return None if where is None else TeamsChannel(where, _reach(spec, settings, clock))


def _pagerduty(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.pagerduty(Given(spec), settings)
    if where is None:
        return None
    key, place = where
    return PagerDutyChannel(PagerDutyService(routing_key=key, place=place), _reach(spec, settings, clock))


def _email(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.email(Given(spec), settings)
    if where is None:
        return None
    relay, envelope = where
    return EmailChannel(relay, envelope, _reach(spec, settings, clock))


def _splunk(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.splunk(Given(spec))
    return None if where is None else SplunkChannel(where, _reach(spec, settings, clock))


def _ticket(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.ticket(Given(spec))
    return None if where is None else TicketChannel(where, _reach(spec, settings, clock))


def _apprise(spec: ChannelSpec, settings: ChannelSettings, clock: Clock) -> Channel | None:
    where = configured.apprise(Given(spec))
    return None if where is None else AppriseChannel(where, _reach(spec, settings, clock))


def _reach(spec: ChannelSpec, settings: ChannelSettings, clock: Clock, calls: int = 1) -> Reach:
    return Reach(allowed=settings.allowed, clock=clock, timeout_seconds=spec.timeout_seconds / calls)


_BUILDERS: Mapping[str, Callable[[ChannelSpec, ChannelSettings, Clock], Channel | None]] = {
    "slack": _slack,
    "email": _email,
    "teams": _teams,
    "pagerduty": _pagerduty,
    "webhook": _webhook,
    "splunk_hec": _splunk,
    "ticket": _ticket,
    "apprise": _apprise,
}
