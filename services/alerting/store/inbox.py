"""Which events were handled, and how far the topics were read."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from driftline.kafka.ports import TopicPartition
from services.alerting.store.many import Many
from services.alerting.store.tables import flags, positions, seen

HISTORY_READ = "history_read"
"""Flag: the topics were read to their end once, so that what comes now is news."""


_SEEN = select(seen.c.event_id).where(seen.c.event_id.in_(bindparam("ids", expanding=True)))
_MARK = Many(insert(seen))
_POSITIONS = select(positions)
_BEGIN = Many(insert(positions))
_MOVE = Many(update(positions).where(positions.c.topic == bindparam("name"), positions.c.partition == bindparam("number")))


def unseen(tx: Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of some events that were not handled yet."""
    known = tx.execute(_SEEN, {"ids": list(event_ids)}).scalars()
    return set(event_ids) - set(known)


def mark_seen(tx: Connection, event_ids: Iterable[str], now: int) -> None:
    """Note that these were handled."""
    _MARK.run(tx, [{"event_id": event_id, "at": now} for event_id in event_ids])


def forget_seen(tx: Connection, before: int) -> int:
    """Drop notes older than the topics keep their records; returns how many."""
    return tx.execute(delete(seen).where(seen.c.at < before)).rowcount


def positions_of(tx: Connection, topic_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
    """Where to read on, for the topics of these ids; a topic that was created anew has no position."""
    rows = tx.execute(_POSITIONS).all()
    return {
        TopicPartition(row.topic, row.partition): row.next_offset for row in rows if topic_ids.get(row.topic) == row.topic_id
    }


def set_positions(tx: Connection, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> None:
    """Note how far was handled; a position never goes back on the same topic."""
    known = {(row.topic, row.partition): row for row in tx.execute(_POSITIONS)}
    new, moved = [], []
    for (topic, partition), offset in offsets.items():
        values = {"topic_id": topic_ids[topic], "next_offset": offset}
        row = known.get((topic, partition))
        if row is None:
            new.append({"topic": topic, "partition": partition, **values})
        elif row.topic_id != topic_ids[topic] or row.next_offset < offset:
            moved.append({"name": topic, "number": partition, **values})
    _BEGIN.run(tx, new)
    _MOVE.run(tx, moved)


def has_flag(tx: Connection, name: str) -> bool:
    """Whether it happened."""
    return tx.execute(select(flags.c.name).where(flags.c.name == name)).one_or_none() is not None


def set_flag(tx: Connection, name: str, now: int) -> None:
    """Note that it happened."""
    if not has_flag(tx, name):
        tx.execute(insert(flags).values(name=name, at=now))
