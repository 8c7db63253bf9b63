"""What decides on the windows of a monitor version: a pure function of the monitor and its baseline."""

from __future__ import annotations

from driftline.drift.calibration.judge import Calibrated, Classic
from driftline.drift.calibration.judge import Policy as Judged
from driftline.drift.calibration.plan import Plan, explain
from driftline.drift.calibration.tolerance import Tolerance
from driftline.drift.profile import Layout
from driftline.events import Baseline, Direction, Monitor, Policy, Task
from driftline.events.columns import LABEL

__all__ = ["explained", "families_of", "plan_of", "policy_of"]


_SIDES = {
    Direction.ABOVE: "above",
    Direction.BELOW: "below",
    Direction.MAGNITUDE: "of a size above",
    Direction.OUTSIDE: "off by more than",
}
COMPARED = frozenset({"feature", "prediction"})
"""Families that are tested against windows of the past too."""


def families_of(monitor: Monitor, baseline: Baseline) -> tuple[str, ...]:
    """Return the families that a tolerance decides on; the budget of false pages is shared among them.

    Outcomes are tested where the baseline holds some to compare with (`:label`); errors are not, since no baseline knows how
    many are usual: limits of performance and the detector of the error rate speak of them.
    """
    names = [column.name for column in monitor.columns]
    outcomes = monitor.labels and monitor.task is not Task.REGRESSION and any(c.name == LABEL for c in baseline.columns)
    known = {
        "feature": any(not name.startswith(":") for name in names),
        "prediction": any(name.startswith(":") for name in names),
        "label": outcomes,
        "quality": bool(names),
    }
    return tuple(family for family, present in known.items() if present)


def plan_of(monitor: Monitor, baseline: Baseline, *, series: int = 1) -> Plan:
    """Return what each sequence of tests may spend under the monitor's tolerance."""
    families = families_of(monitor, baseline)
    compared = sum(family in COMPARED for family in families) * len(monitor.references)
    return Plan(Tolerance(monitor.tolerated_false_pages, monitor.tolerated_psi), families, series, compared)


def policy_of(monitor: Monitor, baseline: Baseline, layout: Layout, *, sliced: bool) -> Judged | None:
    """Return how windows of all rows, or of slices, are judged; None where limits alone decide.

    Slices page nobody, so they share a budget of their own, and all rows are tested as if there were none.
    """
    if monitor.policy is Policy.LIMITS:
        return None
    if monitor.policy is Policy.CLASSIC:
        return Classic(monitor.thresholds, monitor.weights)
    plan = plan_of(monitor, baseline, series=max(1, len(layout.slices)) if sliced else 1)
    return Calibrated(plan, monitor.weights, monitor.thresholds)


def explained(monitor: Monitor, baseline: Baseline, rows: int) -> list[str]:
    """Return what decides, in words: a tolerance and what follows from it for windows of so many rows, or the limits."""
    if monitor.policy is Policy.TOLERANCE:
        plan, columns = plan_of(monitor, baseline), len(monitor.columns)
        text = explain(plan, monitor.granularities, monitor.alert_on, columns=columns, n=max(1, rows), m=max(1, baseline.rows))
        return [*text.split("\n"), *([f"Limits hold besides: {_limits(monitor)}."] if monitor.thresholds else [])]
    what = "The classic policy is in force" if monitor.policy is Policy.CLASSIC else "Limits are in force"
    return [f"{what}: {_limits(monitor) or 'none'}."]


def _limits(monitor: Monitor) -> str:
    return ", ".join(
        f"{each.measure}{f' of {each.column}' if each.column else ''} "
        f"{_SIDES[each.direction]} {each.limit:g}{f' MAD of the last {each.windows} windows' if each.windows else ''} ({each.family})"
        for each in monitor.thresholds
    )
