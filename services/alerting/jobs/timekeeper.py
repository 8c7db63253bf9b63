"""What happens to alerts because time passes: acknowledgements end, and what nobody takes care of is escalated."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from driftline.alerting.alert import Alert
from driftline.alerting.escalation import Climb
from driftline.alerting.life import Entry, Happening
from driftline.clock import Clock
from driftline.events import AlertEscalated
from services.alerting.adapters.plan import PlanInForce
from services.alerting.store import acknowledgements, alerts, escalations, groups, history, outbox, placing, rotas
from services.alerting.store.database import Database

_AT_ONCE = 200
"""Escalations in one transaction; the intake waits for it."""


class Timekeeper:
    """Does what is due, each thing in the transaction that notes it: a restart neither forgets nor repeats it."""

    def __init__(self, database: Database, in_force: PlanInForce, clock: Clock, on_changed: Callable[[], None]) -> None:
        """`on_changed` wakes those who tell of it."""
        self._database = database
        self._in_force = in_force
        self._clock = clock
        self._on_changed = on_changed

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Do everything that is due."""
        now = self._clock.now_us()
        with self._database.read() as tx:
            due = _next_due(tx)
        if due is None or due > now:
            return due
        with self._database.write() as tx:
            for alert_id in acknowledgements.over(tx, now):
                acknowledgements.take_back(tx, alert_id, by="", detail="the time of the acknowledgement is over", now=now)
            for climb in escalations.due(tx, now, _AT_ONCE):
                self._escalate(tx, climb, now)
            following = _next_due(tx)
        self._on_changed()
        return following

    def close(self) -> None:
        """Nothing is left under way between two runs."""

    def _escalate(self, tx: Connection, climb: Climb, now: int) -> None:
        """Reach the next level: its receiver is told at the next look, which is due at once."""
        routing = self._in_force.routing
        alert = alerts.find(tx, climb.alert_id)
        route = routing.route(climb.route_key)
        if alert is None or alert.ends_at is not None or route is None or climb.level >= len(climb.steps):
            # Ended, or the configuration has no such route any more.
            escalations.save(tx, replace(climb, due_at=None), seen=climb)
            return
        receiver = rotas.on_call(tx, routing, climb.steps[climb.level], now)
        above = climb.steps[climb.level + 1 :]
        climbed = replace(
            climb, level=climb.level + 1, due_at=now + above[0].wait if above else None, reached=(*climb.reached, receiver)
        )
        if not escalations.save(tx, climbed, seen=climb):
            return  # another replica was quicker
        history.add(tx, [_line(alert, climbed.level, receiver, now)])
        placing.place(tx, [alert], routing, now)
        _tell(tx, alert, climbed.level, receiver, now)


class Expiry:
    """Ends posted alerts that were not sent again in time."""

    def __init__(self, expire: Callable[[], int | None], on_changed: Callable[[], None]) -> None:
        """`expire` ends those whose time has come and says when the next one's does."""
        self._expire = expire
        self._on_changed = on_changed
        self._expected: int | None = None

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """End everything that is due."""
        due = self._expire()
        if due != self._expected:
            self._on_changed()
        self._expected = due
        return due

    def close(self) -> None:
        """Nothing is left under way between two runs."""


def _line(alert: Alert, level: int, receiver: str, now: int) -> Entry:
    detail = f"level {level}: {receiver} is told, for nobody has taken care"
    return Entry(alert_id=alert.alert_id, at=now, happening=Happening.ESCALATED, detail=detail)


def _tell(tx: Connection, alert: Alert, level: int, receiver: str, now: int) -> None:
    event = AlertEscalated(
        alert_id=alert.alert_id,
        group_key=groups.key_of(tx, alert.alert_id) or "",
        model_id=alert.model_id,
        level=level,
        receiver=receiver,
        reason="nobody has taken care",
        at=now,
    )
    batch = outbox.Batch(now)
    batch.tell(event, alert.alert_id, alert.fired_at, receiver, level)
    batch.write(tx)


def _next_due(tx: Connection) -> int | None:
    moments = (acknowledgements.next_end(tx), escalations.next_due(tx))
    return min((moment for moment in moments if moment is not None), default=None)
