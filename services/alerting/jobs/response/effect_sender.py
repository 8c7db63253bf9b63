"""Brings actions to webhooks and registries, one at a time, until they are taken or refused."""

import random
from collections.abc import Callable, Mapping

from driftline.alerting.delivery import Attempt, Delivered, Outcome, RetryPolicy, TryAgain, next_try
from driftline.clock import Clock
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.response.ways import Way
from services.alerting.metrics import RESPONSE_EFFECTS
from services.alerting.store.database import Database
from services.alerting.store.response import effects
from services.alerting.store.response.effects import FAILED, PENDING, SENT, Effect

_LEASE_US = 60_000_000
"""Longer than a way's timeout: afterwards the try counts as lost and is repeated with the same key."""


class EffectSender:
    """The work of a beat. A crash between sending and noting repeats the send, with the same id."""

    def __init__(
        self,
        database: Database,
        ways: Mapping[str, Way],
        clock: Clock,
        on_settled: Callable[[], None],
        retry: RetryPolicy | None = None,
    ) -> None:
        self._database = database
        self._ways = ways
        self._clock = clock
        self._on_settled = on_settled
        self._retry = retry or RetryPolicy()

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Try everything that is due; returns when the next try is."""
        while True:
            with self._database.read() as tx:
                due = effects.next_due(tx)
            if due is None or due > self._clock.now_us():
                return due
            with self._database.write() as tx:
                taken = effects.claim(tx, now=self._clock.now_us(), lease_us=_LEASE_US)
            if taken is not None:
                self._settle(taken, self._ways[taken.delivery].send(Outgoing(taken.idempotency_key, taken.body.encode())))

    def close(self) -> None:
        """Let go of connections."""
        for way in self._ways.values():
            way.close()

    def _settle(self, effect: Effect, outcome: Outcome) -> None:
        now = self._clock.now_us()
        state, error, due_at = SENT, None, now
        if not isinstance(outcome, Delivered):
            state, error = FAILED, outcome.error
            if isinstance(outcome, TryAgain):
                attempt = Attempt(effect.attempts, effect.decided_at, now)
                again = next_try(outcome, attempt, self._retry, jitter=random.random())
                if again is not None:
                    state, due_at = PENDING, again
        with self._database.write() as tx:
            effects.finish(tx, effect, state=state, error=error, due_at=due_at)
        RESPONSE_EFFECTS.labels(effect.delivery, "retried" if state == PENDING else state).inc()
        self._on_settled()
