"""What happens to alerts because time passes: acknowledgements end."""

from collections.abc import Callable

from sqlalchemy import Connection

from driftline.clock import Clock
from services.alerting.store import acknowledgements
from services.alerting.store.database import Database


class Timekeeper:
    """Does what is due, each thing in the transaction that notes it: a restart neither forgets nor repeats it."""

    def __init__(self, database: Database, clock: Clock, on_changed: Callable[[], None]) -> None:
        """`on_changed` wakes those who tell of it."""
        self._database = database
        self._clock = clock
        self._on_changed = on_changed

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Do everything that is due."""
        now = self._clock.now_us()
        with self._database.read() as tx:
            due = self._next_due(tx)
        if due is None or due > now:
            return due
        with self._database.write() as tx:
            for alert_id in acknowledgements.over(tx, now):
                acknowledgements.take_back(tx, alert_id, by="", detail="the time of the acknowledgement is over", now=now)
            following = self._next_due(tx)
        self._on_changed()
        return following

    def close(self) -> None:
        """Nothing is left under way between two runs."""

    def _next_due(self, tx: Connection) -> int | None:
        return acknowledgements.next_end(tx)
