"""JSON to a service whose address or token is a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.alerting.addresses import AllowList, keeps_secrets
from driftline.alerting.channels.texts import encoded
from driftline.alerting.delivery import Refused, TryAgain
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.guarded import Answer, GuardedClient, Resolve, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the outside is reached: which addresses, by which clock, how long an answer may take."""

    allowed: AllowList
    clock: Clock
    timeout_seconds: float = 30.0
    resolver: Resolve = field(default=resolve)


@dataclass(frozen=True, slots=True)
class Place:
    """A URL, and how people know it: the setting or the field of the configuration that holds it."""

    url: str = field(repr=False)
    name: str


class JsonPost:
    """Posts payloads to one URL, whose path or whose headers are a secret: over TLS only, but to this machine."""

    def __init__(self, place: Place, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        if not keeps_secrets(place.url):
            raise ConfigurationError(f"{place.name} must begin with https://: what is sent there is secret")
        self._client = GuardedClient(
            place.url, reach.allowed, timeout_seconds=reach.timeout_seconds, name=place.name, resolver=reach.resolver
        )
        self.host = self._client.host

    def __call__(
        self, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, below: str = ""
    ) -> Answer | TryAgain | Refused:
        """Post; anything but an Answer means that there was none."""
        sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "driftline-alerting", **(headers or {})}
        return self._client.post(encoded(payload), sent, below=below)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
