"""What each channel may still be told now. All replicas share it: who claims messages has the database's turn to write."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from driftline.alerting.pace import Pace
from services.alerting.store.tables import paces

_HERE = paces.c.channel == bindparam("name")
_READ = select(paces.c.spent, paces.c.held_until).where(_HERE)
_SET = update(paces).where(_HERE).values(spent=bindparam("now_spent"), held_until=bindparam("until"))
_ADD = insert(paces)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a channel was told lately, and until when it asked to be left alone. Times in microseconds."""

    spent: int = 0
    held_until: int = 0

    def allowed(self, pace: Pace | None, now: int, most: int) -> int:
        """How many messages may go now, at most so many."""
        if now < self.held_until:
            return 0
        return most if pace is None else min(most, pace.allowed(self.spent, now))

    def next_at(self, pace: Pace | None) -> int:
        """When the next one may go."""
        return max(self.held_until, 0 if pace is None else pace.next_at(self.spent))


def read(tx: Connection, channel: str) -> Spent:
    """What is known of a channel."""
    row = tx.execute(_READ, {"name": channel}).one_or_none()
    return Spent() if row is None else Spent(row.spent, row.held_until)


def write(tx: Connection, channel: str, spent: Spent) -> None:
    """Remember it."""
    values = {"name": channel, "now_spent": spent.spent, "until": spent.held_until}
    if not tx.execute(_SET, values).rowcount:
        tx.execute(_ADD, {"channel": channel, "spent": spent.spent, "held_until": spent.held_until})
