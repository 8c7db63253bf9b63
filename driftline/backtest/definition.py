"""The monitor of a backtest: the one of a file, or one inferred from the reference and written so that it can be edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import yaml

from driftline.backtest.reference import Reference
from driftline.backtest.roles import Roles
from driftline.drift.dialect import Dialect
from driftline.errors import ConfigurationError
from driftline.events import Baseline, ColumnKind, Monitor, Task
from driftline.events.columns import LABEL, PREDICTION
from driftline.governance.definition import BaselineFacts, parse_definition

__all__ = ["Choice", "inferred", "parsed"]

MODEL = "backtest"
_HOUR_US = 3_600_000_000
_LENGTHS: Mapping[str, int] = {
    "1 minute": _HOUR_US // 60,
    "15 minutes": _HOUR_US // 4,
    "1 hour": _HOUR_US,
    "1 day": 24 * _HOUR_US,
    "1 week": 7 * 24 * _HOUR_US,
    "1 month": 30 * 24 * _HOUR_US,
}
_ROWS_OF_A_WINDOW = 300
"""The finest granularity whose windows have so many rows on average is the one that alarms."""
_POSITIVE = ("1", "true", "yes", "y", "positive")
_BINARY = 2
_PROTECTED = ("age", "gender", "race", "location")
"""Columns whose groups are compared wherever nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A monitor, and the document that it was read from."""

    monitor: Monitor
    document: str


def inferred(reference: Reference, *, rows_per_us: float, positive: str | None, model: str = MODEL) -> Choice:
    """The monitor for a reference, with as many rows per microsecond as the data has."""
    roles, baseline = reference.roles, reference.baseline
    task, classes = _task(roles, baseline)
    content: dict[str, object] = {"model": model, "task": task.value.lower()}
    if task is Task.BINARY:
        content["positive_class"] = positive or _positive(classes, roles)
    finest = next((name for name, length in _LENGTHS.items() if rows_per_us * length >= _ROWS_OF_A_WINDOW), "1 month")
    names = list(_LENGTHS)
    coarser = names[names.index(finest) + 1 :][:1]
    content |= {
        "baseline": baseline.baseline_id,
        "labels": roles.label is not None,
        "granularities": [finest, *coarser],
        "alert_on": finest,
        "lateness": "0 seconds",
        "label_delay": "0 seconds" if roles.label_time is None else "1 day",
        "columns": {name: kind.value.lower() for name, (_, kind) in roles.watched(reference.kinds).items()},
    }
    protected = [name for name in roles.watched(reference.kinds) if name.lower() in _PROTECTED]
    if protected and task is Task.BINARY and roles.prediction is not None:
        content["protected"] = protected
    return parsed(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), baseline)


def parsed(document: str, baseline: Baseline) -> Choice:
    """Read a monitor's definition; the fitted baseline takes the place of the one that it names.

    Raises DefinitionRefused with every fault, its line and remedy.
    """
    kinds = {column.name: column.kind for column in baseline.columns}
    classes = next((column.categories for column in baseline.columns if column.name == PREDICTION), ())
    facts = BaselineFacts(kinds, classes, sampled=bool(baseline.sample))
    definition = parse_definition(document, model_id=_named(document), actor="backtest", baseline=facts, dialect=Dialect())
    monitor = replace(definition.monitor, monitor_version=1, effective_from=-(2**63), baseline_id=baseline.baseline_id)
    return Choice(monitor, document)


def rows_per_microsecond(rows: int, first_us: int, last_us: int) -> float:
    """Density of rows; a single moment counts as an hour."""
    return rows / max(last_us - first_us, _HOUR_US)


def _named(document: str) -> str:
    try:
        content = yaml.safe_load(document)
    except yaml.YAMLError:
        return MODEL  # whoever parses it says what is wrong, with the line
    named = content.get("model") if isinstance(content, dict) else None
    return named if isinstance(named, str) and named else MODEL


def _task(roles: Roles, baseline: Baseline) -> tuple[Task, tuple[str, ...]]:
    columns = {column.name: column for column in baseline.columns}
    found = columns.get(PREDICTION) or columns.get(LABEL)
    if roles.prediction is None and roles.score is None:
        return Task.MULTICLASS, ()
    if found is not None and found.kind is ColumnKind.NUMERIC:
        return Task.REGRESSION, ()
    classes = () if found is None else tuple(sorted({*found.categories, *_labels(columns)}))
    return (Task.BINARY if roles.score is not None or len(classes) <= _BINARY else Task.MULTICLASS), classes


def _labels(columns: Mapping[str, object]) -> tuple[str, ...]:
    return getattr(columns.get(LABEL), "categories", ())


def _positive(classes: tuple[str, ...], roles: Roles) -> str:
    likely = [name for name in classes if name.lower() in _POSITIVE]
    if len(likely) == 1:
        return likely[0]
    raise ConfigurationError(
        f"which class is the {'score ' + repr(roles.score) if roles.score else 'model'} about? "
        f"Say --positive CLASS; the classes are {', '.join(classes) or 'not known'}"
    )
