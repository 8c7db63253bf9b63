"""The tables of the automated response. Times are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from services.alerting.store.tables import metadata

fence = Table(
    "response_fence",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)
"""One row that every change of the response takes first: replicas decide one after the other."""

windows = Table(
    "response_windows",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("granularity", String(40), primary_key=True),
    Column("window_end", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("looked_at", Boolean, nullable=False, index=True),
    Column("body", Text, nullable=False),
)
"""The last decided windows of each version; the later decision of a window replaces the earlier."""

standings = Table(
    "response_standings",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("band", Integer, nullable=False),
    Column("since", BigInteger),
)
"""The band that each version holds, and where its incident began."""

plans = Table(
    "response_plans",
    metadata,
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

history = Table(
    "response_history",
    metadata,
    Column("plan_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("step", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Every step of every plan."""

effects = Table(
    "response_effects",
    metadata,
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
"""What goes to the outside other than through Kafka; one that is being tried has its `due_at` in the future."""

serving = Table(
    "response_serving",
    metadata,
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
"""What shall serve each model, and what its adapter said last."""

versions = Table(
    "response_versions",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("stage", String(20), nullable=False),
    Column("production_since", BigInteger),
)
"""Stages as governance told them."""

settings = Table(
    "response_settings",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("mode", String(10)),
    Column("off_reason", Text, nullable=False),
    Column("by", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What people, or the automation about itself, have set; `*` is for all models."""

calls = Table(
    "response_calls",
    metadata,
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
"""Alerts by which the response called people: open, answered, unanswered or closed."""
