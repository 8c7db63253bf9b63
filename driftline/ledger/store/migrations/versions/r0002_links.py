"""Guards in place of foreign keys that cost more: those of PostgreSQL look up once per statement, that of MariaDB is there anyway.

Revises: 0001
"""

from alembic import op
from sqlalchemy import Inspector, inspect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Drop what the guards stand for, and the indexes that only it wanted; no row is touched."""
    inspector = inspect(op.get_bind())
    if op.get_context().dialect.name == "postgresql":
        _drop_key(inspector, "ledger_payload", ["seq"])
        _drop_key(inspector, "ledger_entry", ["source_id"])
        _drop_key(inspector, "ledger_entry", ["prev_seq", "previous_hash"])
        op.drop_constraint("ledger_entry_seq_entry_hash_key", "ledger_entry")
    if op.get_context().dialect.name == "mysql":
        _drop_key(inspector, "ledger_entry", ["prev_seq", "previous_hash"])
        for index in inspector.get_indexes("ledger_entry"):
            if index["column_names"] in (["prev_seq", "previous_hash"], ["seq", "entry_hash"]):
                op.drop_index(str(index["name"]), "ledger_entry")


def _drop_key(inspector: Inspector, table: str, columns: list[str]) -> None:
    for key in inspector.get_foreign_keys(table):
        if key["constrained_columns"] == columns:
            op.drop_constraint(str(key["name"]), table, type_="foreignkey")
