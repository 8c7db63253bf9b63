"""The tables of the cache, and the two ways in which they are written. Everything in them but `kept` comes from topics."""

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from driftline import topics

GOVERNANCE, MONITORS = topics.name("governance"), topics.name("monitors")
BASELINES, MONITOR_STATUS = topics.name("baselines"), topics.name("monitor-status")
COMPLIANCE, WINDOWS, CHECKPOINTS = topics.name("compliance"), topics.name("windows"), topics.name("checkpoints")

metadata = MetaData()

registry = Table(
    "registry",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", String(128), nullable=False, index=True),
    Column("value", LargeBinary, nullable=False),
)
monitors = Table(
    "monitors",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, primary_key=True),
    Column("applied_at", BigInteger, nullable=False),
    Column("value", LargeBinary(16_777_216), nullable=False),
)
baselines = Table(
    "baselines",
    metadata,
    Column("baseline_id", String(128), primary_key=True),
    Column("model_id", String(128), nullable=False),
    Column("facts", Text, nullable=False),
)
reports = Table(
    "reports",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evaluator", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
watermarks = Table(
    "watermarks",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("watermark", BigInteger, nullable=False),
)
requirements = Table(
    "requirements",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
statements = Table(
    "statements",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("requirement", String(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("control", String(128), primary_key=True),  # "" = the report of all of them
    Column("value", LargeBinary, nullable=False),
)
fairness = Table(
    "fairness",
    metadata,
    Column("model_id", String(128), primary_key=True),
    Column("model_version", String(128), primary_key=True),
    Column("granularity", String(32), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("end", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("groups", Text, nullable=False),  # JSON: slice -> [rows, selected, labelled, correct]
    Column("told_at", BigInteger, nullable=False, index=True),
)
heads = Table(
    "heads",
    metadata,
    Column("log_id", String(255), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
kept = Table(
    "kept",
    metadata,
    Column("topic", String(255), primary_key=True),
    Column("days", Float, nullable=False),
)
BY_TOPIC = {
    GOVERNANCE: (registry, requirements, statements),
    MONITORS: (monitors,),
    BASELINES: (baselines,),
    MONITOR_STATUS: (reports, watermarks),
    COMPLIANCE: (verdicts,),
    WINDOWS: (fairness,),
    CHECKPOINTS: (heads,),
}


def insert_new(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Insert unless the key is there: what was said first counts."""
    if connection.execute(select(*(table.c[name] for name in key)).where(*_same(table, key))).first() is None:
        connection.execute(insert(table).values(**key, **values))


def upsert(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Insert, or replace what the key had: what was said last counts."""
    if connection.execute(update(table).where(*_same(table, key)).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def _same(table: Table, key: Mapping[str, object]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
