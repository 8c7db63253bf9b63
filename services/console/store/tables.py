"""The tables of the read models. Everything in them comes from topics and can be built again from there."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from driftline import topics
from driftline.runtime.topic_cache import Positions, open_engine

metadata = MetaData()

HEAT_MEASURES = ("psi", "js", "tv", "ks", "null_rate_delta")
"""Measures of columns that the page can show; the others stay in the topic."""

BUSINESS = "business:"
"""What names of business metrics begin with in `whole`, beside the measures of the table."""

windows = Table(
    "windows",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("granularity", String(32), primary_key=True),
    Column("slice", String(255), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("model_version", String(128), primary_key=True),
    Column("end", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("closed_by", String(16), nullable=False),
    Column("final", Boolean, nullable=False),
    Column("completeness", Float, nullable=False),
    Column("exact", Boolean, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("label_coverage", Float),
    Column("risk_score", Float),
    Column("severity", String(16)),
    Column("monitor_version", Integer, nullable=False),
    Column("columns", Text, nullable=False),  # JSON: measure -> column -> [value, limit, violated]
    Column("whole", Text, nullable=False),  # JSON: measure -> [value, limit, violated] of the table itself
)

episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", String(128), primary_key=True),
    Column("model_id", String(128), nullable=False, index=True),
    Column("model_version", String(128), nullable=False),
    Column("slice", String(255), nullable=False),
    Column("granularity", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("window_end", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("risk_score", Float, nullable=False),
    Column("summary", Text, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(128), primary_key=True),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", String(128), nullable=False, index=True),
    Column("model_version", String(128), nullable=False),
    Column("open", Boolean, nullable=False, index=True),
    Column("ends_at", BigInteger),
    Column("reason", String(32), nullable=False),
    Column("alert_type", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("priority", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("risk_score", Float),
    Column("runbook_url", Text, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("description", Text, nullable=False),
    Column("owner", Text, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("stage", String(16), nullable=False),
)

monitors = Table(
    "monitors",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, nullable=False),
    Column("granularities", Text, nullable=False),  # JSON list
    Column("alert_on", String(32), nullable=False),
    Column("description", Text, nullable=False),
)

statuses = Table(
    "statuses",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("watermark", BigInteger),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("log_id", String(255), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
)

health = Table(
    "health",
    metadata,
    Column("source", String(128), primary_key=True),
    Column("kind", String(128), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("open", Boolean, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, nullable=False),
    Column("schedule", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("time_zone", String(64), nullable=False),
)
"""When models are checked; "" = never."""

executions = Table(
    "executions",
    metadata,
    Column("check_id", String(64), primary_key=True),
    Column("model_id", String(128), nullable=False),
    Column("model_version", String(128), nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("request_id", String(64), nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("alert_generated", Boolean, nullable=False),
    Column("said", Text, nullable=False),
)
"""Checks; `said` is all of the last CheckExecution as JSON."""

Index("executions_by_model", executions.c.model_id, executions.c.at)
Index("executions_by_end", executions.c.status, executions.c.alert_generated, executions.c.model_id)
Index("windows_by_time", windows.c.model_id, windows.c.granularity, windows.c.slice, windows.c.start)

BY_TOPIC = {
    "windows": (windows,),
    "drift-events": (episodes,),
    "alerts": (alerts,),
    "governance": (models, versions),
    "monitors": (monitors, schedules),
    "monitor-status": (statuses,),
    "checkpoints": (checkpoints,),
    "health": (health,),
    "checks": (executions,),
}
"""Which tables each topic fills, by its short name; also the list of topics that are read."""

positions = Positions(metadata, {topics.name(topic): filled for topic, filled in BY_TOPIC.items()})


def open_tables(url: str) -> Engine:
    """An engine with every table."""
    engine = open_engine(url)
    metadata.create_all(engine)
    return engine
