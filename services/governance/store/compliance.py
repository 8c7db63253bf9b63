"""What is required of models, the evidence of it, and what was reported, in SQL."""

import json
from collections.abc import Mapping
from dataclasses import astuple

from sqlalchemy import Connection, delete, select

from driftline import codec
from driftline.events import (
    CheckpointSigned,
    ComplianceReported,
    ControlEvaluated,
    EvidenceAttested,
    Requirement,
    RequirementsDeclared,
    WindowReport,
)
from driftline.governance.compliance.evidence import (
    LOOKED_BACK_US,
    FairnessWindow,
    Group,
    Head,
    fairness_window,
    tells_of_groups,
)
from services.governance.store.tables import fairness, heads, kept, requirements, statements, upsert, verdicts

_ALL_ROWS = b"//"
"""In the key of a window the slice of all rows is nothing between two slashes."""
_NEEDED: codec.Keep = {"measures": lambda one: tells_of_groups(one["family"], one["name"]), "comparisons": lambda _: False}
_REPORT = ""
"""Stands for the report among the verdicts."""


def window_of(schemas: codec.Schemas, key: bytes | None, value: bytes) -> WindowReport | None:
    """The report of a window of all rows, without the measures that tell nothing of groups; None for that of a slice."""
    if _ALL_ROWS not in (key or _ALL_ROWS):
        return None
    found: WindowReport = schemas.decode(value, _NEEDED)
    return found


def take_declared(connection: Connection, said: RequirementsDeclared, value: bytes) -> None:
    """Note what is required of a model from now on."""
    upsert(connection, requirements, {"model_id": said.model_id}, {"value": value})


def take_attested(connection: Connection, said: EvidenceAttested, value: bytes) -> None:
    """Note a statement."""
    upsert(connection, statements, {"model_id": said.model_id, "requirement": said.requirement}, {"value": value})


def take_verdict(connection: Connection, said: ControlEvaluated | ComplianceReported, value: bytes) -> None:
    """Note what was reported last."""
    control = said.control if isinstance(said, ControlEvaluated) else _REPORT
    upsert(connection, verdicts, {"model_id": said.model_id, "control": control}, {"value": value})


def take_window(connection: Connection, report: WindowReport, told_at: int) -> None:
    """Note what a window tells of groups; forget what was told too long before it. Times in microseconds."""
    found = fairness_window(report)
    if found is None:
        return
    key = {
        "model_id": report.model_id,
        "model_version": found.model_version,
        "granularity": found.granularity,
        "start": found.start,
    }
    known = connection.scalar(select(fairness.c.revision).filter_by(**key))
    if known is not None and known > report.revision:
        return
    groups = json.dumps({name: astuple(group) for name, group in found.groups.items()})
    values = {"end": found.end, "revision": report.revision, "rows": found.rows, "groups": groups, "told_at": told_at}
    upsert(connection, fairness, key, values)
    connection.execute(delete(fairness).where(fairness.c.told_at <= told_at - LOOKED_BACK_US))


def take_head(connection: Connection, said: CheckpointSigned) -> None:
    """Note the last signed head of a ledger."""
    upsert(connection, heads, {"log_id": said.log_id}, {"size": said.size, "at": said.at})


def note_kept(connection: Connection, days: Mapping[str, float]) -> None:
    """Note for how many days the broker keeps topics, in place of what was noted before."""
    connection.execute(delete(kept))
    for topic, some in days.items():
        upsert(connection, kept, {"topic": topic}, {"days": some})


def declared(connection: Connection, model_id: str | None = None) -> dict[str, tuple[Requirement, ...]]:
    """What is required, by model: of one or of all."""
    query = select(requirements.c.value).order_by(requirements.c.model_id)
    query = query if model_id is None else query.where(requirements.c.model_id == model_id)
    said: list[RequirementsDeclared] = [codec.decode(value) for value in connection.execute(query).scalars()]
    return {one.model_id: one.requirements for one in said}


def statements_of(connection: Connection, model_id: str) -> dict[str, EvidenceAttested]:
    """What people vouch for, by requirement."""
    values = connection.execute(select(statements.c.value).where(statements.c.model_id == model_id)).scalars()
    said: list[EvidenceAttested] = [codec.decode(value) for value in values]
    return {one.requirement: one for one in said}


def windows_of(connection: Connection, model_id: str, now: int) -> list[FairnessWindow]:
    """The windows that tell of a model's groups and were reported within 30 days."""
    query = select(fairness).where(fairness.c.model_id == model_id, fairness.c.told_at > now - LOOKED_BACK_US)
    return [
        FairnessWindow(
            model_version=row.model_version,
            granularity=row.granularity,
            start=row.start,
            end=row.end,
            rows=row.rows,
            groups={name: Group(*counts) for name, counts in json.loads(row.groups).items()},
        )
        for row in connection.execute(query.order_by(fairness.c.start))
    ]


def last_head(connection: Connection) -> Head | None:
    """The head that was signed last."""
    row = connection.execute(select(heads).order_by(heads.c.at.desc()).limit(1)).first()
    return None if row is None else Head(row.log_id, row.size, row.at)


def kept_days(connection: Connection) -> dict[str, float]:
    """For how many days the broker keeps topics."""
    return {row.topic: row.days for row in connection.execute(select(kept).order_by(kept.c.topic))}


def reported(connection: Connection, model_id: str | None = None) -> dict[str, ComplianceReported]:
    """The last report by model: of one or of all."""
    query = select(verdicts.c.value).where(verdicts.c.control == _REPORT).order_by(verdicts.c.model_id)
    query = query if model_id is None else query.where(verdicts.c.model_id == model_id)
    said: list[ComplianceReported] = [codec.decode(value) for value in connection.execute(query).scalars()]
    return {one.model_id: one for one in said}


def evaluated(connection: Connection, report: ComplianceReported) -> list[ControlEvaluated]:
    """The verdicts that a last report rests on, in its order."""
    query = select(verdicts.c.value).where(verdicts.c.model_id == report.model_id, verdicts.c.control != _REPORT)
    said: list[ControlEvaluated] = [codec.decode(value) for value in connection.execute(query).scalars()]
    found = {one.control: one for one in said if one.at == report.at}
    return [found[one.control] for one in report.results if one.control in found]
