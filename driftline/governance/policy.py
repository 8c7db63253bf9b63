"""The parts of a definition that say how alarms are decided, how rows are cut, and which numbers of their own people want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftline.errors import ConfigurationError
from driftline.events import MetricType, Monitor, MonitorMetric, MonitorSlice, OutputType, Policy
from driftline.events.columns import TABLE
from driftline.governance.checks import DISTANCES
from driftline.governance.fields import Fields, nearest

__all__ = ["KEYS", "Dialect", "Judging", "judging", "metrics", "protected", "slices"]

KEYS = ("policy", "tolerance", "slices", "metrics", "protected", "favourable")
MAXIMUM_SLICES, MAXIMUM_METRICS = 20, 100
_FAMILIES_OF_DISTANCES = ("feature", "prediction", "label")
_METRIC_KEYS = ("name", "type", "input_columns", "definition", "output_data_type", "description")


class Dialect(Protocol):
    """What a definition leaves to those who understand it: words of tolerance, and SQL."""

    def tolerance(self, text: str) -> tuple[float, float]:
        """False pages in 30 days and PSI that a sentence speaks of. Raises ValueError that shows how to write it."""
        ...

    def pack(self, industry: str) -> Sequence[MonitorMetric]:
        """Ready-made metrics. Raises ConfigurationError that lists the industries."""
        ...

    def faults(self, monitor: Monitor) -> Sequence[tuple[str, str]]:
        """What of the metrics and slices cannot be compiled: field (`metrics[0].definition`) and what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Judging:
    """How alarms are decided."""

    policy: Policy
    false_pages: float = 1.0
    psi: float = 0.1


def judging(fields: Fields, dialect: Dialect | None) -> Judging:
    """Read `policy` and `tolerance`.

    Where neither is written, limits decide if the definition states limits of distances (or nobody understands tolerance),
    else the tolerance of at most 1 false page a month and shifts larger than PSI 0.1.
    """
    stated = [f"thresholds.{family}" for family in _FAMILIES_OF_DISTANCES if _states_distance(fields, family)]
    default = Policy.LIMITS if stated or dialect is None else Policy.TOLERANCE
    written = fields.text("policy")
    if written is not None and written.upper() not in Policy.__members__:
        fields.problem("policy", f"{written!r} is no policy; {nearest(written, [policy.lower() for policy in Policy])}")
        return Judging(default)
    policy = Policy(written.upper()) if written is not None else Policy.TOLERANCE if "tolerance" in fields else default
    if policy is not Policy.TOLERANCE:
        if "tolerance" in fields:
            fields.problem("tolerance", f"has no say under policy: {policy.lower()}; leave one of the two out")
        return Judging(policy)
    for field in stated:
        fields.problem(field, "limits of distances follow from the tolerance; leave them out, or write policy: limits")
    if dialect is None:
        return Judging(policy)
    pages, psi = fields.parsed("tolerance", (1.0, 0.1), dialect.tolerance)
    return Judging(policy, pages, psi)


def _states_distance(fields: Fields, family: str) -> bool:
    group = fields.section("thresholds").section(family)
    return any(name in DISTANCES and (group.is_mapping(name) or name in group) for name in group.keys())  # noqa: SIM118


def slices(fields: Fields, columns: Sequence[str]) -> tuple[MonitorSlice, ...]:
    """Read `slices`: a column, a list of two columns, or a mapping with `where`."""
    found = []
    for index, item in enumerate(fields.items("slices")):
        path = f"slices[{index}]"
        if isinstance(item, str):
            found.append(MonitorSlice(columns=(item,)))
        elif isinstance(item, list) and len(item) == 2 and all(isinstance(name, str) for name in item):
            found.append(MonitorSlice(columns=tuple(map(str, item))))
        elif isinstance(item, dict) and set(item) == {"where"} and isinstance(item["where"], str):
            found.append(MonitorSlice(where=" ".join(item["where"].split())))
        else:
            fields.problem(path, 'write a column, a list of two columns, or where: with a condition such as "tenure > 12"')
            continue
        if len(set(found[-1].columns)) < len(found[-1].columns):
            fields.problem(path, f"a pair is of two columns; write {found[-1].columns[0]} alone to cut by it")
        if found[-1] in found[:-1]:
            fields.problem(path, "the rows are cut in this way already; take one of the two out")
        for name in found[-1].columns:
            if name not in columns:
                fields.problem(path, f"no column {name!r} is watched; {nearest(name, columns)}")
    if len(found) > MAXIMUM_SLICES:
        fields.problem("slices", f"{len(found)} ways to cut are more than the {MAXIMUM_SLICES} that a monitor may have")
    return tuple(found)


def metrics(fields: Fields, dialect: Dialect | None) -> tuple[MonitorMetric, ...]:
    """Read `metrics`: mappings of one metric each, or `pack` with the name of an industry."""
    found: list[MonitorMetric] = []
    for index, item in enumerate(fields.items("metrics")):
        path = f"metrics[{index}]"
        if dialect is None or not isinstance(item, dict):
            fields.problem(path, "write name and definition of a metric, or pack: with the name of an industry")
        elif set(item) == {"pack"}:
            found += _pack(fields, path, str(item["pack"]), dialect)
        elif (metric := _metric(fields, path, item)) is not None:
            found.append(metric)
    names = [metric.name for metric in found]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        fields.problem("metrics", f"several metrics are called {name!r}; give each a name of its own")
    if len(found) > MAXIMUM_METRICS:
        fields.problem("metrics", f"{len(found)} metrics are more than the {MAXIMUM_METRICS} that a monitor may have")
    return tuple(found)


def _pack(fields: Fields, path: str, industry: str, dialect: Dialect) -> Sequence[MonitorMetric]:
    try:
        return dialect.pack(industry)
    except ConfigurationError as error:
        fields.problem(f"{path}.pack", str(error))
        return ()


def _metric(fields: Fields, path: str, item: Mapping[str, object]) -> MonitorMetric | None:
    for key in item:
        if key not in _METRIC_KEYS:
            fields.problem(f"{path}.{key}", f"unknown key; {nearest(key, _METRIC_KEYS)}")
    name, definition = item.get("name"), item.get("definition")
    if not isinstance(name, str) or not isinstance(definition, str):
        fields.problem(path, "a metric has a name and a definition, such as definition: avg(amount)")
        return None
    kind = str(item.get("type", "aggregate")).upper().removeprefix("CUSTOM_METRIC_TYPE_")
    output = str(item.get("output_data_type", "double")).upper()
    columns = item.get("input_columns", [TABLE])
    names = (columns,) if isinstance(columns, str) else columns
    if kind not in MetricType.__members__:
        fields.problem(f"{path}.type", f"{kind.lower()!r} is no type; write aggregate, derived or drift")
    elif output not in OutputType.__members__:
        fields.problem(f"{path}.output_data_type", f"{output.lower()!r} is no type of a value; write double or long")
    elif not isinstance(names, list | tuple) or not names or not all(isinstance(each, str) for each in names):
        fields.problem(f"{path}.input_columns", 'write [":table"], or a list of columns')
    else:
        return MonitorMetric(
            name=name,
            type=MetricType(kind),
            input_columns=tuple(dict.fromkeys(map(str, names))),
            definition=definition,
            output_type=OutputType(output),
            description=str(item.get("description", "")),
        )
    return None


def protected(fields: Fields, columns: Sequence[str]) -> tuple[str, ...]:
    """Read `protected`: watched columns whose groups are compared."""
    found = tuple(dict.fromkeys(fields.texts("protected")))
    for name in found:
        if name not in columns:
            fields.problem("protected", f"no column {name!r} is watched; {nearest(name, columns)}")
    return found
