"""Evidence for the tests of compliance."""

from dataclasses import replace

from driftline.events import (
    EvidenceAttested,
    ModelRegistered,
    ModelVersionRegistered,
    Requirement,
    Stage,
)
from driftline.governance.compliance.evidence import Evidence, FairnessWindow, Group, Head
from driftline.governance.compliance.requirements import AUDIT_LOGGING, BIAS, DEFAULTS, EXPLAINABILITY, LINEAGE
from driftline.governance.registry import Model, Version

DAY = 86_400_000_000
NOW = 1_000 * DAY
GENDER = replace(DEFAULTS[BIAS], protected_attributes=("gender",))
ALL = (*(one for one in DEFAULTS.values() if one.name != BIAS), GENDER)


def registered(description="x" * 101, tags=None, versions=("first",), at=NOW - DAY) -> Model:
    said = ModelRegistered(model_id="m", description=description, owner="", tags=tags or {}, actor="ann", at=at)
    of = {
        str(number): Version(
            ModelVersionRegistered(model_id="m", model_version=str(number), description=text, tags={}, actor="ann", at=at)
        )
        for number, text in enumerate(versions, 1)
    }
    return Model(said, at, of)


def archived(model: Model, version: str) -> Model:
    return replace(model, versions={**model.versions, version: replace(model.versions[version], stage=Stage.ARCHIVED)})


def window(start=NOW - DAY, length=DAY, version="1", rows=None, **groups: tuple[int, int]) -> FairnessWindow:
    """Groups by name: rows and how many of them were selected."""
    return FairnessWindow(
        model_version=version,
        granularity="1 day",
        start=start,
        end=start + length,
        rows=sum(some for some, _ in groups.values()) if rows is None else rows,
        groups={f"gender={name}": Group(*counts) for name, counts in groups.items()},
    )


def attested(requirement=EXPLAINABILITY, *, value=None, at=NOW - DAY, until=NOW + DAY) -> EvidenceAttested:
    return EvidenceAttested(
        model_id="m",
        requirement=requirement,
        statement="I looked",
        document="https://wiki/x",
        value=value,
        until=until,
        actor="ann",
        at=at,
    )


def whole() -> Evidence:
    """Evidence that all of `ALL` holds."""
    return Evidence(
        at=NOW,
        model=registered(tags={"tier": "1"}),
        provenance={"file": "train.parquet", "sha256": "ab"},
        windows=(window(f=(500, 100), m=(500, 110)),),
        watermark=NOW - DAY,
        head=Head("log", 10, NOW - 1),
        kept_days={"driftline.windows": 400.0},
        statements={EXPLAINABILITY: attested(value=0.97), LINEAGE: attested(LINEAGE, at=NOW)},
    )


def requirement(name: str) -> Requirement:
    return next(one for one in ALL if one.name == name)


__all__ = ["ALL", "AUDIT_LOGGING", "DAY", "NOW", "archived", "attested", "registered", "requirement", "whole", "window"]
