"""Sets the gauges every second and forgets what is long over every hour."""

from collections.abc import Callable

from driftline.alerting.alert import Priority
from driftline.clock import Clock
from services.alerting.metrics import ALERTS_ACTIVE, EVENT_OUTBOX_AGE_SECONDS, OUTBOX_AGE_SECONDS, OUTBOX_PENDING
from services.alerting.store import alerts, history, inbox, noise, outbox, silences
from services.alerting.store.database import Database
from services.alerting.store.response import calls, plans

_SECOND_US = 1_000_000
_HOUR_US = 3_600 * _SECOND_US
_DAY_US = 24 * _HOUR_US

SEEN_KEPT_US = 60 * _DAY_US
"""What comes again after longer is stale by the sequence that its alert has."""


class Housekeeper:
    """Keeps the tables small and the gauges true."""

    def __init__(self, database: Database, clock: Clock, *, history_days: int) -> None:
        """`history_days`: so long notifications, the history of alerts and plans of the response are kept after their end."""
        self._database = database
        self._clock = clock
        self._history_us = history_days * _DAY_US
        self._cleaned_at = 0

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Measure; clean where an hour has passed."""
        now = self._clock.now_us()
        self._measure(now)
        if now - self._cleaned_at >= _HOUR_US:
            with self._database.write() as tx:
                inbox.forget_seen(tx, now - SEEN_KEPT_US)
                outbox.forget_finished(tx, now - self._history_us)
                silences.forget_old(tx, now)
                noise.forget_old(tx, now - _DAY_US)
                history.forget_old(tx, now - self._history_us)
                plans.forget_old(tx, now - self._history_us)
                calls.forget_old(tx, now - self._history_us)
            self._cleaned_at = now
        return now + _SECOND_US

    def close(self) -> None:
        """Nothing is left under way between two runs."""

    def _measure(self, now: int) -> None:
        with self._database.read() as tx:
            firing = alerts.count_firing(tx)
            pending = outbox.count_pending(tx)
            oldest = outbox.oldest_pending(tx)
            oldest_event = outbox.oldest_event(tx)
        for priority in Priority:
            ALERTS_ACTIVE.labels(priority.value).set(firing.get(priority.value, 0))
        OUTBOX_PENDING.set(pending)
        OUTBOX_AGE_SECONDS.set(0 if oldest is None else (now - oldest) / _SECOND_US)
        EVENT_OUTBOX_AGE_SECONDS.set(0 if oldest_event is None else (now - oldest_event) / _SECOND_US)
