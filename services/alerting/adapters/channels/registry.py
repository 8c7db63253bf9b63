"""From the configuration to channels that can send. What has no address is left out: the pipeline then says `not_configured`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from driftline.alerting.addresses import AllowList
from driftline.alerting.routing import ChannelSpec
from driftline.alerting.signature import parse_secret
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.channels.webhook import WebhookChannel, WebhookTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDefaults:
    """Where the channel `webhook` goes that a receiver only names."""

    url: str | None
    keys: tuple[bytes, ...]


def build_channels(
    specs: Mapping[str, ChannelSpec], *, webhook: WebhookDefaults, allowed: AllowList, clock: Clock
) -> dict[str, Channel]:
    """A channel for every spec that has an address, by name. Raises ConfigurationError where an address cannot be used."""
    channels: dict[str, Channel] = {}
    for name, spec in specs.items():
        target = _webhook_target(spec, webhook) if spec.kind == "webhook" else None
        if target is not None:
            channels[name] = WebhookChannel(target, allowed, clock)
    return channels


def _webhook_target(spec: ChannelSpec, defaults: WebhookDefaults) -> WebhookTarget | None:
    if spec.url is not None:
        return WebhookTarget(url=spec.url, keys=_keys(spec), timeout_seconds=spec.timeout_seconds)
    if defaults.url is None:
        return None
    if not defaults.keys:
        raise ConfigurationError(
            "DRIFTLINE_ALERTING_WEBHOOK_URL is set but DRIFTLINE_ALERTING_WEBHOOK_SECRET is not: webhooks are always signed"
        )
    return WebhookTarget(url=defaults.url, keys=defaults.keys, timeout_seconds=spec.timeout_seconds)


def _keys(spec: ChannelSpec) -> tuple[bytes, ...]:
    if spec.secret_file is None:
        raise ConfigurationError(f"{spec.name}: secret_file is missing")
    try:
        lines = Path(spec.secret_file).read_text(encoding="utf-8").split()
        keys = tuple(map(parse_secret, lines))
    except OSError as error:
        raise ConfigurationError(f"{spec.name}: {spec.secret_file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{spec.name}: {spec.secret_file}: {error}") from error
    if not keys:
        raise ConfigurationError(f"{spec.name}: {spec.secret_file} is empty; put a secret whsec_... into it")
    return keys
