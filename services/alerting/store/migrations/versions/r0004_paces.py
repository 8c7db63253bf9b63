"""How fast channels are told is shared by all replicas.

Revises: 0003
"""

from alembic import op
from sqlalchemy import BigInteger, Column, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A table of what each channel was told lately; empty, nobody waits."""
    op.create_table(
        "paces",
        Column("channel", String(255), primary_key=True),
        Column("spent", BigInteger, nullable=False),
        Column("held_until", BigInteger, nullable=False),
        if_not_exists=True,
    )
