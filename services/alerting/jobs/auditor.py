"""Looks once a minute whether everything that was due was done; only then it sends the heartbeat, whose absence somebody else tells."""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from driftline.alerting.delivery import Refused, TryAgain
from driftline.clock import Clock
from services.alerting.adapters.channels.guarded import Answer, GuardedClient
from services.alerting.metrics import AUDIT_SUCCESS_TIMESTAMP_SECONDS, OVERDUE
from services.alerting.store import acknowledgements, escalations, groups, outbox
from services.alerting.store.database import Database

_LOG = structlog.get_logger("driftline.alerting")
_EVERY_US = 60_000_000
_GRACE_US = 300_000_000
"""What is due for longer than this was forgotten."""

_LATEST_US = 3_600_000_000
"""A notification may be tried for so long."""

_DUE: dict[str, tuple[Callable[[Connection], int | None], int]] = {
    "escalation": (escalations.next_due, _GRACE_US),
    "acknowledgement": (acknowledgements.next_end, _GRACE_US),
    "group": (groups.next_due, _GRACE_US),
    "event": (outbox.oldest_event, _GRACE_US),
    "notification": (outbox.oldest_pending, _LATEST_US + _GRACE_US),
}
"""What can be overdue: since when it is due, and for how long it may be."""


class Auditor:
    """A job."""

    def __init__(self, database: Database, clock: Clock, heartbeat: GuardedClient | None) -> None:
        """`heartbeat` is a URL to read after each look that found nothing overdue."""
        self._database = database
        self._clock = clock
        self._heartbeat = heartbeat
        self._next = 0

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Look, where a minute has passed."""
        now = self._clock.now_us()
        if now >= self._next:
            self._next = now + _EVERY_US
            self._look(now)
        return self._next

    def close(self) -> None:
        """Let go of the connection."""
        if self._heartbeat is not None:
            self._heartbeat.close()

    def _look(self, now: int) -> None:
        with self._database.read() as tx:
            since = {name: find(tx) for name, (find, _) in _DUE.items()}
        late = [name for name, at in since.items() if at is not None and at + _DUE[name][1] < now]
        for name in _DUE:
            OVERDUE.labels(name).set(name in late)
        if late:
            _LOG.error("something that was due was not done; no heartbeat is sent", overdue=late)
            return
        AUDIT_SUCCESS_TIMESTAMP_SECONDS.set(now / 1_000_000)
        self._beat()

    def _beat(self) -> None:
        if self._heartbeat is None:
            return
        answer = self._heartbeat.get({"User-Agent": "driftline-alerting"})
        if isinstance(answer, TryAgain | Refused):
            _LOG.warning("the heartbeat was not taken", error=answer.error)
        elif isinstance(answer, Answer) and not 200 <= answer.code < 300:
            _LOG.warning("the heartbeat was not taken", error=f"answered {answer.code}")
