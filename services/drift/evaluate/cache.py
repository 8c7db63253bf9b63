"""A cache of the topic `states` in SQLite: it only ever saves reading; the topic is the truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Stamp", "StateCache"]

_SCHEMA = """
create table if not exists stamp (
    partition integer primary key, topic_id text not null, position integer not null, append_time integer not null
);
create table if not exists state (
    partition integer not null, key blob not null, value blob not null, primary key (partition, key)
) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the cache of a partition reflects: every record of `states` before `position`, perhaps later ones too."""

    topic_id: str
    position: int
    append_time: int
    """Of what it reflects, microseconds: one older than half of delete.retention.ms may have missed tombstones."""


class StateCache:
    """One file per process. Written after a commit, never before; any partition may be thrown away at any time."""

    def __init__(self, path: Path | str) -> None:
        """Open the file, or make it. Raises sqlite3.DatabaseError for one that is damaged: delete it and start again."""
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = off")  # a torn file is thrown away, the topic has everything
        self._database.executescript(_SCHEMA)

    def stamp(self, partition: int) -> Stamp | None:
        """Return what the cache of a partition reflects, None if there is nothing."""
        row = self._database.execute(
            "select topic_id, position, append_time from stamp where partition = ?", (partition,)
        ).fetchone()
        return None if row is None else Stamp(*row)

    def entries(self, partition: int) -> dict[bytes, bytes]:
        """Return the records of a partition by key."""
        return dict(self._database.execute("select key, value from state where partition = ?", (partition,)))

    def save(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], stamp: Stamp, *, whole: bool = False) -> None:
        """Write changes (None: gone) and what they bring the cache to, all or nothing. `whole`: there is nothing else."""
        gone, kept = [], []
        for key, value in changes:
            if value is None:
                gone.append((partition, key))
            else:
                kept.append((partition, key, value))
        with self._transaction():
            if whole:
                self._database.execute("delete from state where partition = ?", (partition,))
            self._database.executemany("delete from state where partition = ? and key = ?", gone)
            self._database.executemany("insert or replace into state values (?, ?, ?)", kept)
            self._database.execute(
                "insert or replace into stamp values (?, ?, ?, ?)",
                (partition, stamp.topic_id, stamp.position, stamp.append_time),
            )

    def discard(self, partition: int) -> None:
        """Forget a partition."""
        with self._transaction():
            self._database.execute("delete from state where partition = ?", (partition,))
            self._database.execute("delete from stamp where partition = ?", (partition,))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)


class _Transaction:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._database.execute("commit" if kind is None else "rollback")
