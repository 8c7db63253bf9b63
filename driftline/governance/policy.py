"""The parts of a definition that say how alarms are decided, and how rows are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driftline.events import Monitor, MonitorDetector, MonitorMetric, MonitorSlice, Policy, Task, Threshold
from driftline.events.columns import PREDICTION
from driftline.governance.checks import DEFAULT_DETECTORS, DETECTORS, DISTANCES, MOST_MOMENTS, MULTIVARIATE
from driftline.governance.fields import Fields, nearest

__all__ = ["KEYS", "Dialect", "Judging", "detectors", "judging", "multivariate", "protected", "slices"]

KEYS = ("policy", "tolerance", "slices", "protected", "favourable", "detectors", "multivariate")
MAXIMUM_SLICES = 20
_FAMILIES_OF_DISTANCES = ("feature", "prediction", "label")


class Dialect(Protocol):
    """What a definition leaves to those who understand it: words of tolerance, and SQL."""

    def tolerance(self, text: str) -> tuple[float, float]:
        """False pages in 30 days and PSI that a sentence speaks of. Raises ValueError that shows how to write it."""
        ...

    def pack(self, name: str) -> tuple[tuple[MonitorMetric, ...], tuple[Threshold, ...]]:
        """Ready-made metrics and the limits that they come with. Raises ConfigurationError that lists the packs."""
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


def protected(fields: Fields, columns: Sequence[str], task: Task) -> tuple[str, ...]:
    """Read `protected`: watched columns whose groups are compared, by how often each is predicted the favourable class."""
    found = tuple(dict.fromkeys(fields.texts("protected")))
    for name in found:
        if name not in columns:
            fields.problem("protected", f"no column {name!r} is watched; {nearest(name, columns)}")
        elif task is Task.REGRESSION or PREDICTION not in columns:
            fields.problem(
                "protected", f"groups are compared by the classes predicted for them; watch {PREDICTION} of a classifier"
            )
    return found


def detectors(fields: Fields, *, labels: bool) -> tuple[MonitorDetector, ...]:
    """Read `detectors`: lists of names by what they watch (feature, prediction, performance); a family left out has its default."""
    section = fields.section("detectors")
    section.refuse_unknown(DETECTORS)
    if "performance" in section and not labels:
        section.problem("performance", "needs outcomes, but labels is false; set labels: true or leave this family out")
    found = []
    for family, known in DETECTORS.items():
        if family == "performance" and not labels:
            continue
        written = section.texts(family) if section.names(family) else DEFAULT_DETECTORS.get(family, ())
        for kind in dict.fromkeys(written):
            if kind in known:
                found.append(MonitorDetector(family=family, kind=kind))
            else:
                section.problem(family, f"no detector of {family} is called {kind!r}; {nearest(kind, known)}")
    return tuple(found)


def multivariate(fields: Fields, *, sampled: bool, numeric: int) -> str | None:
    """Read `multivariate`: a test of rows; `sampled` says whether the baseline has kept any, `numeric` how many features are numbers."""
    written = fields.text("multivariate")
    if written is not None and written not in MULTIVARIATE:
        fields.problem("multivariate", f"{written!r} is no test; {nearest(written, MULTIVARIATE)}")
    elif written == "moments":
        if numeric > MOST_MOMENTS:
            fields.problem("multivariate", f"moments takes {MOST_MOMENTS} numeric features at most, not {numeric}")
    elif written is not None and not sampled:
        fields.problem("multivariate", "the baseline has kept no rows to compare with; fit it with --sample")
    return written
