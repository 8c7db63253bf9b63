"""Everything that Apprise speaks to over HTTP: Discord, Telegram, ntfy, Mattermost and some 160 more, each by a URL of its own form.

Apprise opens its connections itself, so they are watched. It answers only whether it worked: the code of an answer is read from what it
logs. Messages of a channel go out one after the other, at the pace that Apprise knows the service to bear.
"""

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.alerting.channels.message import Message
from driftline.alerting.channels.plain import plain
from driftline.alerting.channels.texts import clip, one_line
from driftline.alerting.delivery import Delivered, Outcome, Refused, TryAgain, judge
from driftline.errors import ConfigurationError
from driftline.runtime.apprise_urls import apprise_said, apprise_service
from services.alerting.adapters.channels.json_post import Reach
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.channels.watched import watched

if TYPE_CHECKING:
    from apprise import NotifyBase

_CODE = re.compile(r"\berror=(\d{3})\b")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_NO_CODE: frozenset[int] = frozenset()
_LONGEST_ERROR = 300
_TYPES = {"critical": "failure", "high": "failure", "medium": "warning"}


@dataclass(frozen=True, slots=True)
class AppriseUrl:
    """A URL of Apprise, which holds the secrets, and how people know it."""

    url: str = field(repr=False)
    name: str


class AppriseChannel:
    """Sends to one URL."""

    def __init__(self, to: AppriseUrl, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that is none of Apprise's, or of a service that is not reached over HTTP."""
        self._reach = reach
        self._lock = threading.Lock()
        self._service = _service(to, reach.timeout_seconds / 2)
        # In URLs of Apprise the host's place often holds a token.
        self.host = str(self._service.service_name)

    def send(self, message: Outgoing) -> Outcome:
        """Send when it is this message's turn; see the Channel port."""
        if not self._lock.acquire(timeout=self._reach.timeout_seconds / 2):
            return TryAgain("the messages before it are still on their way")
        try:
            return self._send(message.message)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Nothing is kept open."""

    def _send(self, message: Message) -> Outcome:
        from apprise import Apprise, NotifyFormat, NotifyType

        to = Apprise(asset=self._service.asset)
        to.add(self._service)
        title, body = plain(message)
        kind = NotifyType(_TYPES.get(message.lead.priority, "info") if message.firing else "success")
        with apprise_said() as said, watched(self._reach.allowed) as watch:
            sent = to.notify(body=body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
        if sent:
            return Delivered()
        if watch.refused is not None:
            return Refused(watch.refused)
        return _judged(said, self._reach.clock.now_us())


def _service(to: AppriseUrl, timeout_seconds: float) -> "NotifyBase":
    try:
        from apprise import AppriseAsset, OverflowMode
    except ImportError as error:
        raise ConfigurationError(f"{to.name} needs Apprise: pip install 'driftline[apprise]'") from error
    asset = AppriseAsset(
        app_id="Driftline",
        app_desc="Driftline",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        service_timeout=timeout_seconds,
    )
    try:
        service = apprise_service(to.url, asset)
    except ValueError as error:
        raise ConfigurationError(f"{to.name} {error}") from None
    service.socket_connect_timeout = service.socket_read_timeout = timeout_seconds
    service.overflow_mode = OverflowMode.TRUNCATE
    return service


def _judged(said: list[str], now: int) -> Outcome:
    """What a failure means, by the first thing that was said about it."""
    error = clip(_URL.sub("***", one_line(said[0])), _LONGEST_ERROR) if said else "Apprise says only that it failed"
    code = _CODE.search(error)
    if code is None or int(code[1]) < 300:
        return TryAgain(error)
    found = judge(int(code[1]), now=now, delivered=_NO_CODE)
    return TryAgain(error, found.code) if isinstance(found, TryAgain) else Refused(error, found.code)
