"""No unique key over the hash of the entry before: it follows from the others, and costs more than any of them.

SQLite cannot drop a key: `0001` makes none there any more, and who has one keeps it.

Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Drop it."""
    dialect = op.get_context().dialect.name
    if dialect != "sqlite":
        name = "ledger_entry_previous_hash_key" if dialect == "postgresql" else "previous_hash"
        op.drop_constraint(name, "ledger_entry", type_="unique")
