"""Whether a model treats groups alike, from their counts: what differs most, and how sure that is.

    demographic parity      selected / rows                                     every prediction
    equal opportunity       tp / (tp + fn)                                      labels
    equalized odds          tp / (tp + fn) and fp / (fp + tn), the worse one    labels
    predictive parity       tp / (tp + fp)                                      labels

Each as the difference of the largest and the smallest rate of a group, and as the ratio of the smallest to the largest.
A group with fewer than `minimum_n` below the line of a rate is left out of it; fewer than two groups are no evidence, and no
evidence is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.drift.fairness.counts import Cell, GroupCounts
from driftline.drift.fairness.intervals import Interval, Rate, difference, quantile, ratio, wilson
from driftline.events import Measure

__all__ = ["MEASURES", "Assessment", "FairnessMeasure", "Group", "Terms", "Verdict", "assess", "verdict"]


class Verdict(StrEnum):
    """What follows from a measure."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"


_RATES: Mapping[str, tuple[tuple[Cell, ...], tuple[Cell, ...]]] = {
    "selection_rate": ((Cell.SELECTED,), (Cell.ROWS,)),
    "true_positive_rate": ((Cell.TP,), (Cell.TP, Cell.FN)),
    "false_positive_rate": ((Cell.FP,), (Cell.FP, Cell.TN)),
    "precision": ((Cell.TP,), (Cell.TP, Cell.FP)),
    "accuracy": ((Cell.TP, Cell.TN), (Cell.TP, Cell.FP, Cell.FN, Cell.TN)),
}
"""Cells above and below the line."""

MEASURES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "predictive_parity": ("precision",),
}
"""Rates that each compares; of several the worse one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is compared, and when there is too little to say anything."""

    measures: tuple[str, ...] = ("demographic_parity", "equalized_odds", "equal_opportunity")
    minimum_n: int = 30
    """Below the line of a group's rate."""
    minimum_share: float = 0.0
    """A group with a smaller share of the rows is left out (0.02 under New York's local law 144)."""
    minimum_coverage: float = 0.95
    """Share of the rows whose group is known."""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for measure in self.measures:
            if measure not in MEASURES:
                message = f"{measure!r} is no measure of fairness; known are {', '.join(MEASURES)}"
                raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Group:
    """What one group saw; a rate is None where nothing is below its line."""

    name: str
    rows: int
    rates: Mapping[str, Interval | None]
    below: Mapping[str, int]
    """What is below the line of each rate."""


@dataclass(frozen=True, slots=True)
class FairnessMeasure:
    """One comparison of groups; no value where there is too little evidence."""

    name: str
    """Such as demographic_parity_difference."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Of the two groups that differ most, at the confidence asked for, whichever two they turn out to be (Bonferroni)."""
    n: int = 0
    """Below the lines of those two."""
    least: str | None = None
    """Group with the smallest rate."""
    most: str | None = None
    left_out: tuple[str, ...] = ()
    """Groups with too few rows for it."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """All of an attribute in a window."""

    coverage: float | None
    groups: tuple[Group, ...]
    measures: tuple[FairnessMeasure, ...]


def verdict(measure: Measure) -> Verdict:
    """What follows from a measure that was held against a limit. No value, or no limit, is never a pass."""
    if measure.violated:
        return Verdict.FAIL
    return Verdict.INSUFFICIENT_EVIDENCE if measure.value is None or measure.limit is None else Verdict.PASS


def assess(counts: GroupCounts, terms: Terms | None = None) -> Assessment:
    """The assessment of an attribute from the counts of its groups."""
    terms = terms or Terms()
    z = quantile(terms.confidence)
    groups = tuple(_group(counts, i, z) for i in range(len(counts.names)))
    return Assessment(
        counts.coverage, groups, tuple(found for name in terms.measures for found in _measure(name, counts, terms))
    )


def _group(counts: GroupCounts, i: int, z: float) -> Group:
    rates = {name: _rate(counts, name, i) for name in _RATES}
    return Group(
        counts.names[i],
        int(counts[Cell.ROWS][i]),
        {name: wilson(rate, z) if rate.whole > 0 else None for name, rate in rates.items()},
        {name: rate.whole for name, rate in rates.items()},
    )


@dataclass(frozen=True, slots=True)
class _Extremes:
    """The groups that differ most in one rate."""

    least: int
    most: int
    n: int
    difference: Interval
    ratio: Interval


def _measure(name: str, counts: GroupCounts, terms: Terms) -> tuple[FairnessMeasure, FairnessMeasure]:
    names = counts.names
    left_out: set[int] = set()
    found: list[_Extremes | None] = []
    for rate in MEASURES[name]:
        small = _too_small(counts, rate, terms)
        left_out |= small
        found.append(_extremes(counts, rate, [i for i in range(len(names)) if i not in small], terms))
    skipped = tuple(names[i] for i in sorted(left_out))
    known = [each for each in found if each is not None]
    if counts.coverage is None or counts.coverage < terms.minimum_coverage or len(known) < len(found):
        return FairnessMeasure(f"{name}_difference", left_out=skipped), FairnessMeasure(f"{name}_ratio", left_out=skipped)
    apart = max(known, key=lambda each: each.difference.value)
    worst = min(known, key=lambda each: each.ratio.value)
    return (
        _told(f"{name}_difference", apart, apart.difference, names, skipped),
        _told(f"{name}_ratio", worst, worst.ratio, names, skipped),
    )


def _told(name: str, pair: _Extremes, found: Interval, names: Sequence[str], left_out: tuple[str, ...]) -> FairnessMeasure:
    least, most = names[pair.least], names[pair.most]
    return FairnessMeasure(name, found.value, found.low, found.high, pair.n, least, most, left_out)


def _extremes(counts: GroupCounts, rate: str, groups: Sequence[int], terms: Terms) -> _Extremes | None:
    if len(groups) < 2:
        return None
    rates = {i: _rate(counts, rate, i) for i in groups}
    least = min(groups, key=lambda i: rates[i].value)
    most = max(groups, key=lambda i: rates[i].value)
    if least == most:  # all are equal
        most = next(i for i in groups if i != least)
    low, high = rates[least], rates[most]
    z = quantile(terms.confidence, len(groups) * (len(groups) - 1) // 2)
    return _Extremes(least, most, low.whole + high.whole, difference(high, low, z), ratio(low, high, z))


def _too_small(counts: GroupCounts, rate: str, terms: Terms) -> set[int]:
    rows = counts[Cell.ROWS]
    total = max(int(rows.sum()), 1)
    return {
        i
        for i in range(len(rows))
        if _rate(counts, rate, i).whole < max(terms.minimum_n, 1) or int(rows[i]) / total < terms.minimum_share
    }


def _rate(counts: GroupCounts, rate: str, group: int) -> Rate:
    above, below = _RATES[rate]
    return Rate(int(sum(counts[cell][group] for cell in above)), int(sum(counts[cell][group] for cell in below)))
