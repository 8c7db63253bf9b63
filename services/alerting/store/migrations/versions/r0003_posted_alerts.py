"""What only posted alerts have stands with the alert itself, and what is over by time is found without reading what ended long ago.

Revises: 0002
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Text, inspect

revision = "0003"
down_revision = "0002"

_MOVE = """
UPDATE alerts SET
    annotations = (SELECT annotations FROM posted WHERE posted.alert_id = alerts.alert_id),
    generator_url = (SELECT generator_url FROM posted WHERE posted.alert_id = alerts.alert_id),
    expires_at = (SELECT expires_at FROM posted WHERE posted.alert_id = alerts.alert_id)
WHERE alert_id IN (SELECT alert_id FROM posted)
"""


def upgrade() -> None:
    """Move it; a database from before tables had a version may have been made so."""
    present = {column["name"] for column in inspect(op.get_bind()).get_columns("alerts")}
    for name, kind in (("annotations", Text), ("generator_url", Text), ("expires_at", BigInteger)):
        if name not in present:
            op.add_column("alerts", Column(name, kind))
    op.execute(_MOVE)
    op.drop_table("posted")
    op.create_index("alerts_by_expiry", "alerts", ["status", "expires_at"], if_not_exists=True)
