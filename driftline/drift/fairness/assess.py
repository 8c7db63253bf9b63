"""Whether a model treats groups alike, from their counts: what differs most, how sure that is, and what follows.

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
from driftline.drift.fairness.groups import Attribute
from driftline.drift.fairness.intervals import Interval, Rate, difference, quantile, ratio, wilson

__all__ = ["MEASURES", "Assessment", "FairnessMeasure", "Group", "Terms", "Verdict", "assess"]


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
    """When a difference is too large, and when there is too little to say so."""

    measures: tuple[str, ...] = ("demographic_parity", "equalized_odds", "equal_opportunity")
    ratio: float = 0.8
    """A ratio below it fails (four fifths)."""
    difference: float = 0.1
    """A difference above it fails."""
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
    pairs: int
    rates: Mapping[str, Interval | None]


@dataclass(frozen=True, slots=True)
class FairnessMeasure:
    """One comparison of groups."""

    name: str
    """Such as demographic_parity_difference."""
    value: float | None
    low: float | None
    high: float | None
    """Of the two groups that differ most, at the confidence asked for, whichever two they turn out to be (Bonferroni)."""
    limit: float
    verdict: Verdict
    certain: bool
    """Whether the whole interval says the same as the verdict."""
    least: str | None
    """Group with the smallest rate."""
    most: str | None
    left_out: tuple[str, ...]
    """Groups with too few rows for it."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """All of an attribute in a window."""

    attribute: str
    coverage: float | None
    groups: tuple[Group, ...]
    measures: tuple[FairnessMeasure, ...]
    verdict: Verdict
    """FAIL if any measure fails, PASS if every one passes, else there is too little to say."""


def assess(attribute: Attribute, counts: GroupCounts, terms: Terms | None = None) -> Assessment:
    """The assessment of an attribute from its counts."""
    terms = terms or Terms()
    measures = [found for name in terms.measures for found in _measure(name, attribute, counts, terms)]
    z = quantile(terms.confidence)
    groups = tuple(
        Group(
            name,
            int(counts[Cell.ROWS][i]),
            int(sum(counts[cell][i] for cell in (Cell.TP, Cell.FP, Cell.FN, Cell.TN))),
            {rate: _interval(_rate(counts, rate, i), z) for rate in _RATES},
        )
        for i, name in enumerate(attribute.groups)
    )
    return Assessment(attribute.name, counts.coverage, groups, tuple(measures), _together([each.verdict for each in measures]))


@dataclass(frozen=True, slots=True)
class _Extremes:
    """The groups that differ most in one rate."""

    least: int
    most: int
    difference: Interval
    ratio: Interval


def _measure(name: str, attribute: Attribute, counts: GroupCounts, terms: Terms) -> tuple[FairnessMeasure, FairnessMeasure]:
    names = attribute.groups
    left_out: set[int] = set()
    found: list[_Extremes | None] = []
    for rate in MEASURES[name]:
        small = _too_small(counts, rate, terms)
        left_out |= small
        found.append(_extremes(counts, rate, [i for i in range(len(names)) if i not in small], terms))
    enough = counts.coverage is not None and counts.coverage >= terms.minimum_coverage
    known = [each for each in found if each is not None]
    if not enough or len(known) < len(found):
        known = []
    apart = max(known, key=lambda each: each.difference.value, default=None)
    worst = min(known, key=lambda each: each.ratio.value, default=None)
    skipped = tuple(names[i] for i in sorted(left_out))
    return (
        _judged(f"{name}_difference", terms.difference, apart, names, skipped),
        _judged(f"{name}_ratio", terms.ratio, worst, names, skipped),
    )


def _judged(
    name: str, limit: float, pair: _Extremes | None, names: Sequence[str], left_out: tuple[str, ...]
) -> FairnessMeasure:
    if pair is None:
        return FairnessMeasure(name, None, None, None, limit, Verdict.INSUFFICIENT_EVIDENCE, False, None, None, left_out)
    above = name.endswith("_difference")
    found = pair.difference if above else pair.ratio
    fails = found.value > limit if above else found.value < limit
    if above:
        certain = found.low > limit if fails else found.high <= limit
    else:
        certain = found.high < limit if fails else found.low >= limit
    verdict = Verdict.FAIL if fails else Verdict.PASS
    least, most = names[pair.least], names[pair.most]
    return FairnessMeasure(name, found.value, found.low, found.high, limit, verdict, certain, least, most, left_out)


def _extremes(counts: GroupCounts, rate: str, groups: Sequence[int], terms: Terms) -> _Extremes | None:
    if len(groups) < 2:
        return None
    rates = {i: _rate(counts, rate, i) for i in groups}
    least = min(groups, key=lambda i: rates[i].value)
    most = max(groups, key=lambda i: rates[i].value)
    if least == most:  # all are equal
        most = next(i for i in groups if i != least)
    z = quantile(terms.confidence, len(groups) * (len(groups) - 1) // 2)
    return _Extremes(least, most, difference(rates[most], rates[least], z), ratio(rates[least], rates[most], z))


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


def _interval(rate: Rate, z: float) -> Interval | None:
    return wilson(rate, z) if rate.whole > 0 else None


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts and all(each is Verdict.PASS for each in verdicts) else Verdict.INSUFFICIENT_EVIDENCE
