"""The tables of a ledger.

Revises: nothing
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Text,
    UniqueConstraint,
)

from driftline.ledger.store.columns import ZERO_HASH, blob, fixed, hash_check, rowid, text

revision = "0001"
down_revision = None


def _first(dialect: str) -> CheckConstraint:
    rule = f"seq > 0 OR (seq = 0 AND previous_hash = {ZERO_HASH[dialect]})"
    return CheckConstraint(rule, name="ledger_entry_first").ddl_if(dialect=dialect)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "ledger_head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("origin", text(), nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("head_hash", fixed(32), nullable=False),
        Column("frontier", fixed(2048), nullable=False),
        Column("last_ts_us", BigInteger, nullable=False),
        CheckConstraint("id = 1", name="ledger_head_one"),
    )
    op.create_table(
        "ledger_offset",
        Column("source_id", Integer, primary_key=True, autoincrement=False),
        Column("cluster", text(100), nullable=False),
        Column("topic", text(), nullable=False),
        Column("topic_id", text(64), nullable=False),
        Column("partition", Integer, nullable=False),
        Column("next_offset", BigInteger, nullable=False),
        UniqueConstraint("cluster", "topic_id", "partition"),
    )
    op.create_table(
        "ledger_entry",
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
        UniqueConstraint("previous_hash").ddl_if(dialect=("postgresql", "mysql")),  # type: ignore[arg-type] # it takes several
        UniqueConstraint("source_id", "src_start"),
        UniqueConstraint("seq", "entry_hash"),
        _first("sqlite"),
        _first("postgresql"),
        _first("mysql"),
        CheckConstraint(hash_check["postgresql"], name="ledger_entry_hash").ddl_if(dialect="postgresql"),
        CheckConstraint(hash_check["mysql"], name="ledger_entry_hash").ddl_if(dialect="mysql"),
        ForeignKeyConstraint(["source_id"], ["ledger_offset.source_id"]),
        ForeignKeyConstraint(["prev_seq", "previous_hash"], ["ledger_entry.seq", "ledger_entry.entry_hash"]),
    )
    op.create_table(
        "ledger_payload",
        Column("seq", rowid(), ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
        Column("salt", fixed(32), nullable=False),
        Column("body", blob()),
        Column("details", blob()),
    )
    op.create_table(
        "ledger_subject",
        Column("actor", text(64), primary_key=True),
        Column("salt", fixed(32), nullable=False),
        Column("name", text(), nullable=False, unique=True),
    )
    op.create_table(
        "ledger_node",
        Column("level", Integer, primary_key=True, autoincrement=False),
        Column("idx", BigInteger, primary_key=True, autoincrement=False),
        Column("hash", fixed(32), nullable=False),
    )
    op.create_table(
        "ledger_checkpoint",
        Column("size", rowid(), primary_key=True, autoincrement=False),
        Column("root", fixed(32), nullable=False),
        Column("note", Text),
    )
    op.create_table(
        "ledger_cosignature",
        Column("size", rowid(), ForeignKey("ledger_checkpoint.size"), primary_key=True, autoincrement=False),
        Column("cosigner", text(265), primary_key=True),
        Column("line", Text, nullable=False),
    )
    op.create_table(
        "ledger_withdrawal",
        Column("seq", BigInteger, ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
        Column("by_seq", BigInteger, ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
    )
    op.create_index("ledger_entry_actor", "ledger_entry", ["actor", "seq"])
    op.create_index("ledger_entry_resource", "ledger_entry", ["resource_type", "resource_id", "seq"])
    op.create_index("ledger_entry_action", "ledger_entry", ["action", "seq"])
    op.create_index("ledger_entry_ts", "ledger_entry", ["ts_us"])
