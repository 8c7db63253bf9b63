"""The signed webhook: Standard Webhooks headers on a POST of JSON; delivered are 200, 201 and 202."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from driftline.alerting.addresses import AllowList
from driftline.alerting.delivery import Outcome, judge
from driftline.alerting.signature import sign
from driftline.clock import Clock
from services.alerting.adapters.channels.guarded import Answer, GuardedClient, Resolve, resolve
from services.alerting.adapters.channels.port import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where a webhook goes and with what keys it is signed."""

    url: str
    keys: tuple[bytes, ...]
    timeout_seconds: float = 30.0

    def __repr__(self) -> str:
        return f"WebhookTarget({urlsplit(self.url).hostname})"  # paths of webhooks are often secrets, keys always


class WebhookChannel:
    """Sends to one URL."""

    def __init__(self, target: WebhookTarget, allowed: AllowList, clock: Clock, resolver: Resolve = resolve) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._keys = target.keys
        self._client = GuardedClient(target.url, allowed, timeout_seconds=target.timeout_seconds, resolver=resolver)
        self.host = self._client.host
        self._clock = clock

    def send(self, message: Outgoing) -> Outcome:
        """Sign and post; see the Channel port."""
        seconds = self._clock.now_us() // 1_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "driftline-alerting",
            **sign(self._keys, message_id=message.notification_id, timestamp_seconds=seconds, body=message.body),
        }
        answer = self._client.post(message.body, headers)
        if not isinstance(answer, Answer):
            return answer
        return judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us())

    def close(self) -> None:
        """Connections close with their threads."""
        self._client.close()
