"""The tables of alerting and of its automated response.

A database from before tables had a version is taken over as it is: what it lacks is made, what it has stays.

Revises: nothing
"""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text, inspect

from driftline.errors import ConfigurationError

revision = "0001"
down_revision = None

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER
_tables = MetaData()

Table(
    "seen_events",
    _tables,
    Column("event_id", String(400), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)
Table(
    "positions",
    _tables,
    Column("topic", String(249), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)
Table("flags", _tables, Column("name", String(64), primary_key=True), Column("at", BigInteger, nullable=False))
"""Things that happened once, such as the first reading of the history."""

alerts = Table(
    "alerts",
    _tables,
    Column("alert_id", String(16), primary_key=True),
    Column("status", String(10), nullable=False, index=True),
    Column("model_id", String(128), nullable=False, index=True),
    Column("model_version", String(128), nullable=False),
    Column("alert_type", String(40), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("severity", String(40), nullable=False),
    Column("risk_score", Float),
    Column("title", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("affected_segments", Text, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("fired_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("episode_id", String(128), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("source_event_id", String(255), nullable=False),
)
Table(
    "acknowledgements",
    _tables,
    Column("alert_id", String(16), primary_key=True),
    Column("by", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, index=True),
    Column("comment", Text, nullable=False),
)
Table(
    "escalations",
    _tables,
    Column("alert_id", String(16), primary_key=True),
    Column("route_key", String(500), primary_key=True),
    Column("fired_at", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("due_at", BigInteger, index=True),
    Column("steps", Text, nullable=False),
    Column("reached", Text, nullable=False),
)
Table(
    "rotas",
    _tables,
    Column("name", String(128), primary_key=True),
    Column("shifts", Text, nullable=False),
    Column("read_at", BigInteger, nullable=False),
)
Table(
    "posted",
    _tables,
    Column("alert_id", String(16), primary_key=True),
    Column("annotations", Text, nullable=False),
    Column("generator_url", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
Table(
    "history",
    _tables,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("alert_id", String(16), nullable=False, index=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("happening", String(20), nullable=False),
    Column("by", String(255), nullable=False),
    Column("detail", Text, nullable=False),
)
Table(
    "groups",
    _tables,
    Column("group_key", String(700), primary_key=True),
    Column("route_key", String(500), nullable=False),
    Column("receiver", String(128), nullable=False),
    Column("labels", Text, nullable=False),
    Column("interval", BigInteger, nullable=False),
    Column("next_look_at", BigInteger, index=True),
    Column("last_look_at", BigInteger),
    Column("epoch", BigInteger, nullable=False),
)
Table(
    "members",
    _tables,
    Column("group_key", String(700), primary_key=True),
    Column("alert_id", String(16), primary_key=True, index=True),
    Column("leaving", Boolean, nullable=False),
)
Table(
    "told",
    _tables,
    Column("group_key", String(700), primary_key=True),
    Column("channel", String(255), primary_key=True),
    Column("firing", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("priority", String(10), nullable=False),
    Column("acknowledged", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("notification_id", String(64), nullable=False),
    Column("sent", Boolean, nullable=False),
    Column("delivered_firing", Text, nullable=False),
    Column("delivered_resolved", Text, nullable=False),
)
Table(
    "threads",
    _tables,
    Column("group_key", String(700), primary_key=True),
    Column("channel", String(255), primary_key=True),
    Column("thread", String(1000), nullable=False),
)
Table(
    "withheld",
    _tables,
    Column("group_key", String(700), primary_key=True),
    Column("channel", String(255), primary_key=True),
    Column("alert_id", String(16), primary_key=True),
)
Table(
    "flaps",
    _tables,
    Column("alert_id", String(16), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
Table(
    "baselines",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, nullable=False),
    Column("baseline_id", String(128), nullable=False),
)
Table(
    "changes",
    _tables,
    Column("change_id", String(300), primary_key=True),
    Column("model_id", String(128), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("quiet", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    Column("detail", Text, nullable=False),
)
Table(
    "check_alerts",
    _tables,
    Column("check_id", String(255), primary_key=True),
    Column("model_id", String(128), nullable=False, index=True),
    Column("at", BigInteger, nullable=False, index=True),
)
Table(
    "silences",
    _tables,
    Column("silence_id", String(36), primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("created_by", String(255), nullable=False),
    Column("comment", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
Table(
    "outbox",
    _tables,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("notification_id", String(64), nullable=False, unique=True),
    Column("group_key", String(700), nullable=False, index=True),
    Column("channel", String(255), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("status", String(10), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("alert_ids", Text, nullable=False),
    Column("firing", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("body", LargeBinary(1_048_576), nullable=False),
    Column("state", String(12), nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("response_code", Integer),
    Column("error", Text),
    Column("finished_at", BigInteger),
    Index("outbox_due", "state", "channel", "due_at"),
)
Table(
    "event_outbox",
    _tables,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("topic", String(249), nullable=False),
    Column("key", String(700), nullable=False),
    Column("type", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", LargeBinary(1_048_576), nullable=False),
)
Table(
    "response_fence",
    _tables,
    Column("name", String(16), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)
Table(
    "response_windows",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("granularity", String(40), primary_key=True),
    Column("window_end", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("looked_at", Boolean, nullable=False, index=True),
    Column("body", Text, nullable=False),
)
Table(
    "response_standings",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("band", Integer, nullable=False),
    Column("since", BigInteger),
)
Table(
    "response_plans",
    _tables,
    Column("plan_id", String(40), primary_key=True),
    Column("incident_id", String(40), nullable=False, index=True),
    Column("tenant", String(128), nullable=False),
    Column("model_id", String(128), nullable=False, index=True),
    Column("category", String(40), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("executed_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("body", Text, nullable=False),
    Index("response_plans_deeds", "tenant", "executed_at"),
)
Table(
    "response_history",
    _tables,
    Column("plan_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("step", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("reason", Text, nullable=False),
)
Table(
    "response_effects",
    _tables,
    Column("effect_id", String(100), primary_key=True),
    Column("idempotency_key", String(64), nullable=False),
    Column("plan_id", String(40), nullable=False, index=True),
    Column("delivery", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("error", Text),
    Index("response_effects_due", "state", "due_at"),
)
Table(
    "response_serving",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("tenant", String(128), nullable=False, index=True),
    Column("revision", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("model_version", String(128)),
    Column("endpoint", String(255)),
    Column("observed_revision", BigInteger, nullable=False),
    Column("observed", Text, nullable=False),
    Column("looked_at", Boolean, nullable=False),
)
Table(
    "response_versions",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("stage", String(20), nullable=False),
    Column("production_since", BigInteger),
)
Table(
    "response_settings",
    _tables,
    Column("model_id", String(128), primary_key=True),
    Column("mode", String(10)),
    Column("off_reason", Text, nullable=False),
    Column("by", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
)
Table(
    "response_calls",
    _tables,
    Column("call_id", String(80), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("incident_id", String(40), nullable=False, index=True),
    Column("model_id", String(128), nullable=False, index=True),
    Column("level", String(12), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, index=True),
    Column("state", String(12), nullable=False),
)


def upgrade() -> None:
    """Make those that are missing; raises ConfigurationError for one that is there in another form."""
    there = inspect(op.get_bind())
    for table in _tables.sorted_tables:
        if there.has_table(table.name):
            lacking = set(table.columns.keys()) - {column["name"] for column in there.get_columns(table.name)}
            if lacking:
                message = (
                    f"the table {table.name} of the alerting database lacks {', '.join(sorted(lacking))}: it was made before tables "
                    "had a version. Keep the database as it is for its history and give alerting an empty one: Kafka is read again"
                )
                raise ConfigurationError(message)
    _tables.create_all(op.get_bind())
