"""The tables of a ledger, for SQLite, PostgreSQL and MariaDB alike. Hashes are bytes; hex is for the API.

One log per database (or schema): a shard is another database.

An entry's columns repeat its leaf for queries; the leaf is what counts. `prev_seq` and the foreign key of an
entry to the one before it make the chain a constraint of the database, too; on servers guards do.
"""

from __future__ import annotations

from typing import Final, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from driftline.ledger.store.columns import ZERO_HASH, blob, fixed, hash_check, rowid, text

__all__ = [
    "VERSION",
    "checkpoint",
    "cosignature",
    "entry",
    "head",
    "metadata",
    "node",
    "offset",
    "payload",
    "subject",
    "withdrawal",
]

VERSION: Final = "0003"
"""The newest revision of `migrations`, which makes these tables."""

metadata: Final = MetaData()
_CHAINED: Final = ("sqlite",)
_KEYED: Final = ("sqlite", "mysql")
_Key = TypeVar("_Key", ForeignKeyConstraint, UniqueConstraint)


def _only(dialects: tuple[str, ...], key: _Key) -> _Key:
    """Leave a key to some databases: on the others, guards look after what is appended."""
    return key.ddl_if(dialect=dialects)  # type: ignore[arg-type] # it takes several


def _first(dialect: str) -> CheckConstraint:
    """Nothing comes before entry 0, and it links to nothing."""
    rule = f"seq > 0 OR (seq = 0 AND previous_hash = {ZERO_HASH[dialect]})"
    return CheckConstraint(rule, name="ledger_entry_first").ddl_if(dialect=dialect)


head: Final = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", text(), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("head_hash", fixed(32), nullable=False),
    Column("frontier", fixed(2048), nullable=False),
    Column("last_ts_us", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="ledger_head_one"),
)

offset: Final = Table(
    "ledger_offset",
    metadata,
    Column("source_id", Integer, primary_key=True, autoincrement=False),
    Column("cluster", text(100), nullable=False),
    Column("topic", text(), nullable=False),
    Column("topic_id", text(64), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    UniqueConstraint("cluster", "topic_id", "partition"),
)

entry: Final = Table(
    "ledger_entry",
    metadata,
    Column("seq", rowid(), primary_key=True, autoincrement=False),
    Column(
        "prev_seq",
        BigInteger,
        Computed("CASE WHEN seq > 0 THEN seq - 1 END", persisted=True),
    ),
    Column("entry_id", fixed(16), nullable=False),
    Column("ts_us", BigInteger, nullable=False),
    Column("event_ts_us", BigInteger),
    Column("action", text(100), nullable=False),
    Column("actor", text(), nullable=False),
    Column("resource_type", text(100), nullable=False),
    Column("resource_id", text(), nullable=False),
    Column("data_hash", fixed(32), nullable=False),
    Column("details_hash", fixed(32)),
    Column("previous_hash", fixed(32), nullable=False),
    Column("entry_hash", fixed(32), nullable=False),
    Column("leaf", blob(), nullable=False),
    Column("source_id", Integer),
    Column("src_start", BigInteger),
    Column("src_end", BigInteger),
    UniqueConstraint("entry_id"),
    UniqueConstraint("source_id", "src_start"),
    _only(_CHAINED, UniqueConstraint("seq", "entry_hash")),
    _first("sqlite"),
    _first("postgresql"),
    _first("mysql"),
    CheckConstraint(hash_check["postgresql"], name="ledger_entry_hash").ddl_if(dialect="postgresql"),
    CheckConstraint(hash_check["mysql"], name="ledger_entry_hash").ddl_if(dialect="mysql"),
    _only(_KEYED, ForeignKeyConstraint(["source_id"], ["ledger_offset.source_id"])),
    _only(_CHAINED, ForeignKeyConstraint(["prev_seq", "previous_hash"], ["ledger_entry.seq", "ledger_entry.entry_hash"])),
    Index("ledger_entry_actor", "actor", "seq"),
    Index("ledger_entry_resource", "resource_type", "resource_id", "seq"),
    Index("ledger_entry_action", "action", "seq"),
    Index("ledger_entry_ts", "ts_us"),
)

payload: Final = Table(
    "ledger_payload",
    metadata,
    Column("seq", rowid(), primary_key=True, autoincrement=False),
    Column("salt", fixed(32), nullable=False),
    Column("body", blob()),
    Column("details", blob()),
    _only(_KEYED, ForeignKeyConstraint(["seq"], ["ledger_entry.seq"])),
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
    Column("actor", text(64), primary_key=True),
    Column("salt", fixed(32), nullable=False),
    Column("name", text(), nullable=False, unique=True),
)

node: Final = Table(
    "ledger_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", fixed(32), nullable=False),
)

checkpoint: Final = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", rowid(), primary_key=True, autoincrement=False),
    Column("root", fixed(32), nullable=False),
    Column("note", Text),
)

cosignature: Final = Table(
    "ledger_cosignature",
    metadata,
    Column("size", rowid(), ForeignKey("ledger_checkpoint.size"), primary_key=True, autoincrement=False),
    Column("cosigner", text(265), primary_key=True),
    Column("line", Text, nullable=False),
)
"""What witnesses put under a head; `cosigner` is name and key id of the key, `line` that of the note."""
