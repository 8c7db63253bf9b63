"""Fairness of a window as measures: of predictions at data close, of what became of them at label close.

Groups are the slices of a protected column, so their counts are those of windows that anybody can look at. Of an attribute:

    demographic_parity_difference, _ratio      family fairness, column = attribute
    equal_opportunity_, equalized_odds_...     family outcome_fairness, column = attribute
    consistency                                family fairness, column = the two columns by which rows are similar

and of each group, column = its slice: selection_rate, and demographic_parity_gap (how far its rate is below the largest of a
group) with its difference from the baseline's (`_delta`); at label close true_positive_rate, false_positive_rate and accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from driftline.drift.fairness.assess import Assessment, Terms, assess
from driftline.drift.fairness.baseline import GAP, usual_gaps
from driftline.drift.fairness.consistency import consistency, similar_rows
from driftline.drift.fairness.counts import GroupCounts, Slices
from driftline.drift.profile import Layout
from driftline.drift.thresholds import check
from driftline.events import Baseline, Measure, Monitor

__all__ = ["OF_OUTCOMES", "OF_PREDICTIONS", "outcomes", "predictions"]

OF_PREDICTIONS, OF_OUTCOMES = "fairness", "outcome_fairness"
"""Families. Each is decided once: they differ in when they are known."""
_PARITY = Terms(measures=("demographic_parity",))
_ODDS = Terms(measures=("equal_opportunity", "equalized_odds"))


def predictions(layout: Layout, baseline: Baseline, monitor: Monitor, slices: Slices) -> tuple[Measure, ...]:
    """Return what predictions alone tell, checked; nothing where no column is protected or no class is favourable.

    A group below 30 rows is left out of comparisons, and so is an attribute that is known of less than 95 % of the rows: then
    the value is None, which is neither a failure nor a pass.
    """
    favourable = monitor.favourable or monitor.positive_class
    if not slices or favourable is None:
        return ()
    found: list[Measure] = []
    for cut in layout.protected:
        counts = GroupCounts.of(layout, cut, slices, favourable)
        assessment = assess(counts, _PARITY)
        found += _compared(OF_PREDICTIONS, cut.columns[0], assessment)
        found += _rates(OF_PREDICTIONS, assessment, ("selection_rate",))
        found += _gaps(assessment, usual_gaps(layout, baseline, cut, favourable, _PARITY.minimum_n))
    for cut in layout.similar:
        similar = consistency(similar_rows(layout, cut, slices, favourable))
        column = ", ".join(cut.columns)
        found.append(Measure(family=OF_PREDICTIONS, name="consistency", column=column, value=similar.value, n=similar.company))
    return check(found, monitor.thresholds)


def outcomes(layout: Layout, monitor: Monitor, slices: Slices) -> tuple[Measure, ...]:
    """Return what needs labels, checked; of in-time pairs alone."""
    favourable = monitor.favourable or monitor.positive_class
    if not slices or favourable is None:
        return ()
    found: list[Measure] = []
    for cut in layout.protected:
        assessment = assess(GroupCounts.of(layout, cut, slices, favourable), _ODDS)
        found += _compared(OF_OUTCOMES, cut.columns[0], assessment)
        found += _rates(OF_OUTCOMES, assessment, ("true_positive_rate", "false_positive_rate", "accuracy"))
    return check(found, monitor.thresholds)


def _compared(family: str, attribute: str, found: Assessment) -> Iterator[Measure]:
    for one in found.measures:
        yield Measure(family=family, name=one.name, column=attribute, value=one.value, low=one.low, high=one.high, n=one.n)


def _rates(family: str, found: Assessment, names: Sequence[str]) -> Iterator[Measure]:
    for group in found.groups:
        for name in names:
            rate = group.rates[name]
            value, low, high = (None, None, None) if rate is None else (rate.value, rate.low, rate.high)
            yield Measure(family=family, name=name, column=group.name, value=value, low=low, high=high, n=group.below[name])


def _gaps(found: Assessment, usual: Mapping[str, float]) -> Iterator[Measure]:
    rates = {
        group.name: (rate.value, group.rows)
        for group in found.groups
        if (rate := group.rates["selection_rate"]) is not None and group.rows >= _PARITY.minimum_n
    }
    if len(rates) < 2:
        return
    most = max(value for value, _ in rates.values())
    for name, (value, rows) in rates.items():
        gap = most - value
        yield Measure(family=OF_PREDICTIONS, name=GAP, column=name, value=gap, n=rows)
        if name in usual:
            yield Measure(family=OF_PREDICTIONS, name=f"{GAP}_delta", column=name, value=gap - usual[name], n=rows)
