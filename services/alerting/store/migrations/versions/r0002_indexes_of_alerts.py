"""Indexes by which what changed is found, and what fires is counted, without reading every alert.

Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them; a database from before tables had a version may have been made with them."""
    op.create_index("ix_alerts_updated_at", "alerts", ["updated_at"], if_not_exists=True)
    op.create_index("alerts_by_priority", "alerts", ["status", "priority"], if_not_exists=True)
    op.drop_index("ix_alerts_status", "alerts", if_exists=True)
