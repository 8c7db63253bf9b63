"""Topics kept in SQL: tables that the topics fill, and can fill again at any time, with how far each partition was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
    update,
)

from driftline.errors import ConfigurationError
from driftline.kafka.ports import TopicPartition

__all__ = ["Positions", "open_engine"]


def open_engine(url: str) -> Engine:
    """An engine for a database URL; SQLite gets a write-ahead log, so that readers do not wait for the writer.

    Raises ConfigurationError for another database than SQLite and PostgreSQL: MySQL would take two ids for one that differ in case.
    """
    kind = make_url(url).get_backend_name()
    if kind not in {"sqlite", "postgresql"}:
        raise ConfigurationError(
            f"DRIFTLINE_DATABASE_URL: this service keeps its tables in SQLite or PostgreSQL, not in {kind}"
        )
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection has no public type
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.close()

    return engine


class Positions:
    """Where to read on, in a table of its own beside those that the topics fill."""

    def __init__(self, metadata: MetaData, filled: Mapping[str, Sequence[Table]]) -> None:
        """`filled`: the tables that hold what a topic said, by its full name."""
        self._filled = filled
        self._table = Table(
            "positions",
            metadata,
            Column("topic", String(255), primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("topic_id", String(64), nullable=False),
            Column("next_offset", BigInteger, nullable=False),
        )

    def known(self, engine: Engine, topic_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
        """Next offsets of what was read already. A topic with another id was created anew: what it said before is forgotten."""
        table = self._table
        with engine.begin() as connection:
            for row in connection.execute(select(table.c.topic, table.c.topic_id).distinct()).all():
                if topic_ids.get(row.topic) != row.topic_id:
                    for filled in self._filled.get(row.topic, ()):
                        connection.execute(delete(filled))
                    connection.execute(delete(table).where(table.c.topic == row.topic))
            rows = connection.execute(select(table)).all()
        return {TopicPartition(row.topic, row.partition): row.next_offset for row in rows}

    def move(self, connection: Connection, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> None:
        """Note how far partitions were read, in the transaction of what was read."""
        for place, offset in offsets.items():
            here = (self._table.c.topic == place.topic, self._table.c.partition == place.partition)
            values = {"next_offset": offset, "topic_id": topic_ids[place.topic]}
            if connection.execute(update(self._table).where(*here).values(**values)).rowcount == 0:
                connection.execute(insert(self._table).values(topic=place.topic, partition=place.partition, **values))
