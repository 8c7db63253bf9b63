"""The tables of a ledger, for SQLite, PostgreSQL and MariaDB alike. Hashes are bytes; hex is for the API.

One log per database (or schema): a shard is another database.

An entry's columns repeat its leaf for queries; the leaf is what counts. `prev_seq` and the foreign key of an
entry to the one before it make the chain a constraint of the database, too.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import LONGBLOB, VARBINARY, VARCHAR
from sqlalchemy.types import TypeEngine

__all__ = ["checkpoint", "cosignature", "entry", "head", "metadata", "node", "offset", "payload", "subject", "withdrawal"]

_MYSQL: Final = ("mysql", "mariadb")
metadata: Final = MetaData()


def _bytes(length: int) -> TypeEngine[bytes]:
    return LargeBinary(length).with_variant(VARBINARY(length), *_MYSQL)


def _rowid() -> TypeEngine[int]:
    """A 64-bit key that in SQLite is the row id itself: rows lie in the order of the log."""
    return BigInteger().with_variant(Integer(), "sqlite")


def _blob() -> TypeEngine[bytes]:
    return LargeBinary().with_variant(LONGBLOB(), *_MYSQL)


def _text(length: int = 200) -> TypeEngine[str]:
    return String(length).with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), *_MYSQL)


head: Final = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("origin", _text(), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("head_hash", _bytes(32), nullable=False),
    Column("frontier", _bytes(2048), nullable=False),
    Column("last_ts_us", BigInteger, nullable=False),
)

offset: Final = Table(
    "ledger_offset",
    metadata,
    Column("source_id", Integer, primary_key=True, autoincrement=False),
    Column("cluster", _text(100), nullable=False),
    Column("topic", _text(), nullable=False),
    Column("topic_id", _text(64), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    UniqueConstraint("cluster", "topic_id", "partition"),
)

entry: Final = Table(
    "ledger_entry",
    metadata,
    Column("seq", _rowid(), primary_key=True, autoincrement=False),
    Column(
        "prev_seq",
        BigInteger,
        Computed("CASE WHEN seq > 0 THEN seq - 1 END", persisted=True),
    ),
    Column("entry_id", _bytes(16), nullable=False),
    Column("ts_us", BigInteger, nullable=False),
    Column("event_ts_us", BigInteger),
    Column("action", _text(100), nullable=False),
    Column("actor", _text(), nullable=False),
    Column("resource_type", _text(100), nullable=False),
    Column("resource_id", _text(), nullable=False),
    Column("data_hash", _bytes(32), nullable=False),
    Column("details_hash", _bytes(32)),
    Column("previous_hash", _bytes(32), nullable=False),
    Column("entry_hash", _bytes(32), nullable=False),
    Column("leaf", _blob(), nullable=False),
    Column("source_id", Integer),
    Column("src_start", BigInteger),
    Column("src_end", BigInteger),
    UniqueConstraint("entry_id"),
    UniqueConstraint("previous_hash"),
    UniqueConstraint("source_id", "src_start"),
    UniqueConstraint("seq", "entry_hash"),
    ForeignKeyConstraint(["source_id"], ["ledger_offset.source_id"]),
    ForeignKeyConstraint(["prev_seq", "previous_hash"], ["ledger_entry.seq", "ledger_entry.entry_hash"]),
    Index("ledger_entry_actor", "actor", "seq"),
    Index("ledger_entry_resource", "resource_type", "resource_id", "seq"),
    Index("ledger_entry_action", "action", "seq"),
    Index("ledger_entry_ts", "ts_us"),
)

payload: Final = Table(
    "ledger_payload",
    metadata,
    Column("seq", _rowid(), ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
    Column("salt", _bytes(32), nullable=False),
    Column("body", _blob()),
    Column("details", _blob()),
)
"""What an entry commits to. Without `body` it is in the archive, to which `salt` is the key; erased, there is no row."""

withdrawal: Final = Table(
    "ledger_withdrawal",
    metadata,
    Column("seq", BigInteger, ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
    Column("by_seq", BigInteger, ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
)
"""Whose payload which statement erased or archived: the guards let go of no other."""

subject: Final = Table(
    "ledger_subject",
    metadata,
    Column("actor", _text(64), primary_key=True),
    Column("salt", _bytes(32), nullable=False),
    Column("name", _text(), nullable=False, unique=True),
)

node: Final = Table(
    "ledger_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", _bytes(32), nullable=False),
)

checkpoint: Final = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", _rowid(), primary_key=True, autoincrement=False),
    Column("root", _bytes(32), nullable=False),
    Column("note", Text),
)

cosignature: Final = Table(
    "ledger_cosignature",
    metadata,
    Column("size", _rowid(), ForeignKey("ledger_checkpoint.size"), primary_key=True, autoincrement=False),
    Column("cosigner", _text(265), primary_key=True),
    Column("line", Text, nullable=False),
)
"""What witnesses put under a head; `cosigner` is name and key id of the key, `line` that of the note."""
