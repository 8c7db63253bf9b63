"""The tables of alerting. Times are microseconds since 1970 UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER

seen = Table(
    "seen_events",
    metadata,
    Column("event_id", String(400), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)
"""Events that were handled, by ce_source and ce_id."""

positions = Table(
    "positions",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""How far each source partition was handled, written with what was handled."""

flags = Table("flags", metadata, Column("name", String(64), primary_key=True), Column("at", BigInteger, nullable=False))
"""Things that happened once, such as the first reading of the history."""

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("status", String(10), nullable=False),
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
    Column("updated_at", BigInteger, nullable=False, index=True),
    Column("episode_id", String(128), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("source_event_id", String(255), nullable=False),
    Column("annotations", Text),
    Column("generator_url", Text),
    Column("expires_at", BigInteger),
    Index("alerts_by_priority", "status", "priority"),
    Index("alerts_by_expiry", "status", "expires_at"),
)
"""The last occurrence of every alert; earlier ones are on the topic `alerts`. `updated_at` is later in each transaction than in all
before it, so that who knows the last one finds what changed since. Only those that came over HTTP have annotations, a generator and a time
when they count as over, as they were sent last."""

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("by", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, index=True),
    Column("comment", Text, nullable=False),
)
"""Who takes care of which alert that fires; `until` is empty where that holds to its end."""

escalations = Table(
    "escalations",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("route_key", String(500), primary_key=True),
    Column("fired_at", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("due_at", BigInteger, index=True),
    Column("steps", Text, nullable=False),
    Column("reached", Text, nullable=False),
)
"""How far alerts that fire have been escalated: levels reached, who was told, when the next one is due, and the policy of the start."""

rotas = Table(
    "rotas",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("shifts", Text, nullable=False),
    Column("read_at", BigInteger, nullable=False),
)
"""What the source of a rota said last that could be used."""

history = Table(
    "history",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("alert_id", String(16), nullable=False, index=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("happening", String(20), nullable=False),
    Column("by", String(255), nullable=False),
    Column("detail", Text, nullable=False),
)
"""What happened to each alert."""

groups = Table(
    "groups",
    metadata,
    Column("group_key", String(700), primary_key=True),
    Column("route_key", String(500), nullable=False),
    Column("receiver", String(128), nullable=False),
    Column("labels", Text, nullable=False),
    Column("interval", BigInteger, nullable=False),
    Column("next_look_at", BigInteger, index=True),
    Column("last_look_at", BigInteger),
    Column("epoch", BigInteger, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("group_key", String(700), primary_key=True),
    Column("alert_id", String(16), primary_key=True, index=True),
    Column("leaving", Boolean, nullable=False),
)
"""Which alerts are in which groups."""

told = Table(
    "told",
    metadata,
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
"""What each channel was last told of a group: as decided, and as delivered."""

paces = Table(
    "paces",
    metadata,
    Column("channel", String(255), primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

threads = Table(
    "threads",
    metadata,
    Column("group_key", String(700), primary_key=True),
    Column("channel", String(255), primary_key=True),
    Column("thread", String(1000), nullable=False),
)
"""By what name a channel knows the message that began to tell of a group; until its end has been told."""

withheld = Table(
    "withheld",
    metadata,
    Column("group_key", String(700), primary_key=True),
    Column("channel", String(255), primary_key=True),
    Column("alert_id", String(16), primary_key=True),
)
"""Alerts that a channel was not told because they are silenced, inhibited or muted, and of which that was recorded."""

flaps = Table(
    "flaps",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
"""How often in a row alerts began again soon after their end, and before when the present occurrence is not told."""

baselines = Table(
    "baselines",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, nullable=False),
    Column("baseline_id", String(128), nullable=False),
)
"""The baseline of the last monitor of each model."""

changes = Table(
    "changes",
    metadata,
    Column("change_id", String(300), primary_key=True),
    Column("model_id", String(128), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("quiet", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    Column("detail", Text, nullable=False),
)
"""Deployments and other baselines that explain drift of their model for a while."""

check_alerts = Table(
    "check_alerts",
    metadata,
    Column("check_id", String(255), primary_key=True),
    Column("model_id", String(128), nullable=False, index=True),
    Column("at", BigInteger, nullable=False, index=True),
)
"""Checks of the last day that raised alerts."""

silences = Table(
    "silences",
    metadata,
    Column("silence_id", String(36), primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("created_by", String(255), nullable=False),
    Column("comment", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Silences, the expired ones too until they are forgotten."""

outbox = Table(
    "outbox",
    metadata,
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
"""Notifications: pending, sent, failed or suppressed. A pending one that is being tried has its `due_at` in the future."""

event_outbox = Table(
    "event_outbox",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("topic", String(249), nullable=False),
    Column("key", String(700), nullable=False),
    Column("type", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", LargeBinary(1_048_576), nullable=False),
)
"""Events that Kafka has not acknowledged yet."""
