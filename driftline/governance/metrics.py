"""The numbers of their own that people want: business metrics in SQL, packs of them, and limits for both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from driftline.errors import ConfigurationError
from driftline.events import (
    ColumnKind,
    Direction,
    MetricType,
    MonitorColumn,
    MonitorMetric,
    MonitorSlice,
    OutputType,
    Threshold,
)
from driftline.events.columns import TABLE
from driftline.governance.fields import Fields, nearest
from driftline.governance.periods import parse_granularity
from driftline.governance.policy import Dialect

__all__ = ["BUSINESS", "Wanted", "limits", "of_customers", "usual_slices", "wanted"]

BUSINESS = "business"
"""The family of these metrics, and the pack of the usual ones."""
COSTS = frozenset({"expected_loss", "revenue_at_risk"})
"""Metrics of money, of which the size counts, whatever its sign."""
MAXIMUM_METRICS = 100
FOLLOWED_WINDOWS = 28
_CUSTOMERS = {
    "senior_citizen": "Yes",
    "contract": "Month-to-month",
    "payment_method": "Electronic check",
    "internet_service": "Fiber optic",
}
_SIDES = {"above": Direction.ABOVE, "below": Direction.BELOW, "magnitude": Direction.MAGNITUDE}
_LIMIT_KEYS = (*_SIDES, "adaptive", "side", "windows", "granularity", "per_rows")
_HOW = "say which side is bad, such as {above: 40}, {below: 0.7}, {magnitude: 40} or {adaptive: 4}"
_METRIC_KEYS = ("name", "type", "input_columns", "definition", "output_data_type", "description")
_TYPE_PREFIX = re.compile("^(DATA_PROFILING_)?(CUSTOM_)?METRIC_TYPE_")
_OUTPUTS = {
    **dict.fromkeys(("double", "float", "decimal"), OutputType.DOUBLE),
    **dict.fromkeys(("long", "bigint", "integer", "int"), OutputType.LONG),
}

Wanted = tuple[tuple[MonitorMetric, ...], tuple[Threshold, ...]]
"""Metrics, and the limits that their packs bring."""


def of_customers(columns: Iterable[MonitorColumn], positive_class: str | None, *, labels: bool) -> bool:
    """Whether a model is of customers who may leave: outcomes, the positive class "Yes", a numeric column monthly_charges."""
    charged = any(column.name == "monthly_charges" and column.kind is ColumnKind.NUMERIC for column in columns)
    return labels and positive_class == "Yes" and charged


def usual_slices(columns: Iterable[MonitorColumn]) -> tuple[MonitorSlice, ...]:
    """How the rows of such a model are cut where its definition says nothing of slices."""
    known = {column.name for column in columns if column.kind is ColumnKind.CATEGORICAL}
    return tuple(MonitorSlice(where=f"{name} = '{value}'") for name, value in _CUSTOMERS.items() if name in known)


def wanted(fields: Fields, dialect: Dialect | None, *, customers: bool) -> Wanted:
    """Read `metrics`: mappings of one metric each, or `pack` with the name of one.

    Without the key, a model of `customers` who may leave has those of the pack `business`, any other has none.
    """
    if not fields.names("metrics"):
        return dialect.pack(BUSINESS) if customers and dialect is not None else ((), ())
    found: list[MonitorMetric] = []
    brought: list[Threshold] = []
    for index, item in enumerate(fields.items("metrics")):
        path = f"metrics[{index}]"
        if dialect is None or not isinstance(item, dict):
            fields.problem(path, "write name and definition of a metric, or pack: with the name of one")
        elif set(item) == {"pack"}:
            metrics, thresholds = _pack(fields, path, str(item["pack"]), dialect)
            found += metrics
            brought += thresholds
        elif (metric := _metric(fields, path, item)) is not None:
            found.append(metric)
    names = [metric.name for metric in found]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        fields.problem("metrics", f"several metrics are called {name!r}; give each a name of its own")
    if len(found) > MAXIMUM_METRICS:
        fields.problem("metrics", f"{len(found)} metrics are more than the {MAXIMUM_METRICS} that a monitor may have")
    return tuple(found), tuple(brought)


def limits(fields: Fields, found: Wanted) -> tuple[Threshold, ...]:
    """Read `thresholds.business`, a limit by metric; it goes before what packs bring, and null takes that away."""
    metrics, brought = found
    names = [metric.name for metric in metrics]
    drifts = {metric.name for metric in metrics if metric.type is MetricType.DRIFT}
    section = fields.section("thresholds").section(BUSINESS)
    known: dict[str, Threshold | None] = {threshold.measure: threshold for threshold in brought}
    for name in section.keys():  # noqa: SIM118 - Fields is no mapping
        if name not in names:
            section.problem(name, f"there is no such metric; {nearest(name, names)}")
        elif name not in section:
            known[name] = None
        elif section.is_mapping(name):
            known[name] = _limit(section.section(name), name)
            if name in drifts and "adaptive" in section.section(name):
                section.problem(name, "a drift metric compares with the past already; give it a fixed limit")
        elif (before := known.get(name)) is not None or name in COSTS:
            plain = before or Threshold(family=BUSINESS, measure=name, limit=0.0, direction=Direction.MAGNITUDE)
            known[name] = replace(plain, limit=section.number(name) or 0.0)
        else:
            section.problem(name, _HOW)
    return tuple(threshold for _, threshold in sorted(known.items()) if threshold is not None)


def _limit(section: Fields, name: str) -> Threshold | None:
    """A limit as a mapping states it; None where it is at fault."""
    section.refuse_unknown(_LIMIT_KEYS)
    stated = [key for key in (*_SIDES, "adaptive") if key in section]
    if len(stated) != 1:
        section.problem("", _HOW)
        return None
    follows = stated[0] == "adaptive"
    if not follows and ("side" in section or "windows" in section):
        section.problem("", "side and windows belong to adaptive; leave them out")
    direction = Direction.OUTSIDE if follows else _SIDES[stated[0]]
    if "side" in section:
        word = section.text("side") or ""
        direction = _SIDES.get(word, direction)
        if word not in ("above", "below"):
            section.problem("side", "write above or below; without it both are bad")
    return Threshold(
        family=BUSINESS,
        measure=name,
        limit=section.number(stated[0]) or 0.0,
        direction=direction,
        granularity=section.parsed("granularity", None, parse_granularity),
        per_rows=section.whole("per_rows", 0, low=1, high=1_000_000_000) or None,
        windows=section.whole("windows", FOLLOWED_WINDOWS, low=8, high=1000) if follows else 0,
    )


def _pack(fields: Fields, path: str, name: str, dialect: Dialect) -> tuple[Sequence[MonitorMetric], Sequence[Threshold]]:
    try:
        return dialect.pack(name)
    except ConfigurationError as error:
        fields.problem(f"{path}.pack", str(error))
        return (), ()


def _metric(fields: Fields, path: str, item: Mapping[str, object]) -> MonitorMetric | None:
    """One metric from the keys that Databricks gives it; None where one of them is at fault."""
    for key in item:
        if key not in _METRIC_KEYS:
            fields.problem(f"{path}.{key}", f"unknown key; {nearest(key, _METRIC_KEYS)}")
    name, definition = item.get("name"), item.get("definition")
    if not isinstance(name, str) or not isinstance(definition, str):
        fields.problem(path, "a metric has a name and a definition, such as definition: avg(amount)")
        return None
    kind = _TYPE_PREFIX.sub("", str(item.get("type", "aggregate")).upper())
    output = _OUTPUTS.get(_output_word(item.get("output_data_type", "double")))
    columns = item.get("input_columns", [TABLE])
    names = (columns,) if isinstance(columns, str) else columns
    if kind not in MetricType.__members__:
        fields.problem(f"{path}.type", f"{kind.lower()!r} is no type; write aggregate, derived or drift")
    elif output is None:
        fields.problem(f"{path}.output_data_type", f"{item['output_data_type']!r} is no type of a number; write double or long")
    elif not isinstance(names, list | tuple) or not names or not all(isinstance(each, str) for each in names):
        fields.problem(f"{path}.input_columns", 'write [":table"], or a list of columns')
    else:
        return MonitorMetric(
            name=name,
            type=MetricType(kind),
            input_columns=tuple(dict.fromkeys(map(str, names))),
            definition=definition,
            output_type=output,
            description=str(item.get("description", "")),
        )
    return None


def _output_word(value: object) -> str:
    """`double` and the like, or the type of a Spark StructField in JSON."""
    word = str(value)
    if word.lstrip().startswith("{"):
        try:
            word = str(json.loads(word)["type"])
        except (ValueError, KeyError, TypeError):
            return ""
    return word.lower().removesuffix("()").removesuffix("type")
