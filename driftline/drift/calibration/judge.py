"""The verdict on a decided window: which of its measures alarm, why, and what is remembered for the next one.

How stage 2 calls it (`driftline.drift.windows.judging`). At each of the two decisions on a window, in the order in which windows
are decided (end, granularity, model version, slice), with the evidence of that decision (`evidence.of_inputs` at data close,
`evidence.of_labels` at label close): the two decisions concern different families, so they never share a sequence.
`State.sequences` is kept once per (model_id, granularity), apart for all rows and for slices; `State.past` once per (model_id,
model_version, slice, granularity) and decision: how far the two clocks are apart must change nothing. Both are on `states` by their
`to_bytes`, in the transaction of the report. `Verdict.measures` replace the report's, `Verdict.risk` its risk, episodes follow
`measure.violated`. `Verdict.terms` are kept with the window (those of label close `joined` to those of data close), so
that a revision calls `restated` instead: it applies the same levels to the new counts, reports, and decides nothing. A monitor
that is paused, a late window and one below minimum n are not judged, and cost no budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftline.drift import risk, thresholds
from driftline.drift.calibration import dispersion, e_process, lasting, multiplicity, state
from driftline.drift.calibration.alarms import LASTING_SHIFT, Alarm, Reason, alarms_of
from driftline.drift.calibration.dispersion import Calm
from driftline.drift.calibration.e_process import Bettor, Stream
from driftline.drift.calibration.evidence import ColumnCounts, Evidence
from driftline.drift.calibration.lasting import Bet, Course
from driftline.drift.calibration.names import ColumnName, RateName
from driftline.drift.calibration.plan import Plan
from driftline.drift.calibration.size_aware import Comparison, compare
from driftline.drift.calibration.state import Past, Sequences, State, Terms
from driftline.drift.calibration.tolerance import MONTH_DAYS
from driftline.drift.performance import Estimate, Standing, standing
from driftline.drift.risk import Risk
from driftline.events import Direction, Measure, Threshold

__all__ = ["Calibrated", "Classic", "Decided", "Policy", "Verdict", "judge", "restated"]

DISTANCES = frozenset({"psi", "js", "tv", "kl", "hellinger", "chi2", "ks", "wasserstein", "linf"})
"""Measures that the calibrated test of a column stands for; stated limits on them are the classic policy's business."""
_MONTH_US = MONTH_DAYS * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Classic:
    """`policy: classic`: fixed thresholds, and a risk score that counts violations over seven days."""

    thresholds: tuple[Threshold, ...]
    weights: Mapping[str, float] = field(default_factory=lambda: risk.CLASSIC_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A stated tolerance. Thresholds still hold for measures that no test speaks of, such as accuracy.

    One with an interval breaks its limit where the whole interval is beyond it, so that few labels page nobody.
    """

    plan: Plan
    weights: Mapping[str, float]
    thresholds: tuple[Threshold, ...] = ()
    dispersions: Mapping[str, float] = field(default_factory=dict)
    """Over-dispersion by column as the reference had it (`dispersion.held_back`); what is learned can only add to it."""


Policy = Classic | Calibrated


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A window at one of its two decisions, with at least the monitor's minimum of rows."""

    start: int
    end: int
    granularity: str
    model_version: str = ""
    slice: str = ""
    measures: tuple[Measure, ...] = ()
    """Of the families that are decided on, unchecked."""
    evidence: Evidence = field(default_factory=Evidence)
    earlier: tuple[Measure, ...] = ()
    """At label close: the inputs' measures as `restated`. They weigh in the risk, and are not judged again."""
    apart: bool = True
    """It shares no row with the window that was bet on before it. Of windows that hop only some are so, of comparisons with the
    past none; on the others nobody bets, and nothing is learned from them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided."""

    measures: tuple[Measure, ...]
    """Those of the window with limit, p-value and violated as the policy has them."""
    alarms: tuple[Alarm, ...]
    """In the order family, column, measure."""
    risk: Risk
    state: State
    terms: Terms


def judge(policy: Policy, before: State, window: Decided) -> Verdict:
    """Decide on a window: a pure function, the same for every restart.

    CALIBRATED: each column is tested against "PSI is at most what is tolerated"; a family's columns become one p-value (Simes),
    held against its alpha sequence; where that rejects, Benjamini & Hochberg at the same level name the columns. Rates bet
    pane by pane; e-d-BH over the streams of a family and series. Families outside the plan are not tested. Budgets begin anew every 30 days of event time.
    CLASSIC: limits, and counts of the violations of windows that started at most seven days ago; a window's second decision
    counts those of `earlier` with its own.
    """
    if isinstance(policy, Classic):
        return _classic(policy, before, window)
    window = _planned(policy.plan, window)
    calm = before.past.calm
    dispersions = _dispersions(policy, calm)
    compared = _compared(window.evidence.columns, dispersions)
    sequences, levels = _spend(policy.plan, before.sequences, window, compared)
    streams, alarming = _bet(policy.plan, before.past.streams, window)
    courses, bets = _follow(policy.plan, before.past.courses, window, dispersions)
    terms = Terms(levels, dispersions, alarming, bets)
    measures = _judged(policy, terms, window, compared)
    past = Past(streams, _learned(calm, window) if window.apart else calm, courses, before.past.windows)
    lasting = {
        RateName(name.family, LASTING_SHIFT, name.column): bet.reason
        for name, bet in _bets(bets, window).items()
        if bet.reason is not None
    }
    return Verdict(
        measures=measures,
        alarms=alarms_of(measures, tau=policy.plan.tolerance.psi, rates={**alarming, **lasting}, tested=frozenset(compared)),
        risk=risk.score((*window.earlier, *measures), policy.weights),
        state=State(Sequences(sequences), past),
        terms=terms,
    )


def restated(policy: Policy, terms: Terms, window: Decided) -> tuple[Measure, ...]:
    """Return the measures of a window under the terms of its decision; of new counts, what they would have meant.

    `psi` of a tested column has as limit the PSI that its rows had to exceed, as p_value that of "at most tolerated".
    """
    if isinstance(policy, Classic):
        return thresholds.check(window.measures, policy.thresholds)
    window = _planned(policy.plan, window)
    return _judged(policy, terms, window, _compared(window.evidence.columns, terms.dispersions))


def _planned(plan: Plan, window: Decided) -> Decided:
    """Families without a share of the budget are not tested."""
    return replace(window, evidence=window.evidence.only(plan.families))


def _judged(policy: Calibrated, terms: Terms, window: Decided, compared: Mapping[_Column, _Tested]) -> tuple[Measure, ...]:
    tau = policy.plan.tolerance.psi
    bounds = {one.name: e_process.tolerated(*one.usual, tau) for one in window.evidence.rates}
    stands_for = {(one.family, one.column) for one in window.evidence.columns}
    stated = [
        threshold
        for threshold in policy.thresholds
        if not (stands_for and threshold.measure.removesuffix(thresholds.P_VALUE) in DISTANCES)
    ]
    found = []
    for measure in thresholds.check(window.measures, stated):
        name = RateName(measure.family, measure.name, measure.column or "")
        tested = compared.get((measure.family, measure.column or "")) if measure.name == "psi" else None
        if name in bounds:
            found.append(replace(measure, limit=bounds[name], violated=measure.violated or name in terms.rates))
        elif tested is not None and measure.family in terms.levels:
            level = terms.levels[measure.family]
            found.append(_tested(measure, tested, tau, level))
        else:
            found.append(_surely(measure))
    return (*found, *_lasting(terms, window))


def _lasting(terms: Terms, window: Decided) -> Iterator[Measure]:
    """What the columns of a window say together with those before it."""
    counts = {one.name: one.current for one in window.evidence.columns}
    for name, bet in _bets(terms.bets, window).items():
        if bet.cells and counts[name].sum() > 0:
            yield Measure(
                family=name.family,
                name=LASTING_SHIFT,
                column=name.column,
                value=bet.lately(counts[name]),
                limit=bet.bound,
                violated=bet.reason is not None,
            )


def _bets(packed: Mapping[str, bytes], window: Decided) -> dict[ColumnName, Bet]:
    """Find again what the columns of this decision were held to; the terms of a window hold those of the other too."""
    found: dict[ColumnName, Bet] = {}
    for family in sorted({one.family for one in window.evidence.columns} & packed.keys()):
        names = sorted(one.name for one in window.evidence.columns if one.family == family)
        found |= zip(names, lasting.unpack(packed[family]), strict=True)
    return found


def _surely(measure: Measure) -> Measure:
    """A measure that fails, but for one that may stand on the good side of its limit after all."""
    if not measure.violated or measure.value is None or measure.limit is None or measure.low is None:
        return measure
    side = Direction.ABOVE if measure.value > measure.limit else Direction.BELOW
    found = standing(Estimate(measure.value, measure.low, measure.high), measure.limit, side)
    return replace(measure, violated=found is Standing.BREAKS)


def _tested(measure: Measure, tested: _Tested, tau: float, level: float) -> Measure:
    """The psi of a column. Where rare values alone can be tested no PSI would do: then the limit is what is tolerated."""
    violated = tested.p_value(tau) <= level
    limit: float | None = tested.comparison.limit(tau, level)
    if limit == math.inf:
        limit = tau if violated else None
    return replace(measure, limit=limit, p_value=tested.p_value(tau), violated=violated)


_Column = tuple[str, str]
"""Family, column."""


@dataclass(frozen=True, slots=True)
class _Tested:
    comparison: Comparison
    known: dict[float, float] = field(default_factory=dict)

    def p_value(self, tau: float) -> float:
        """Of "the PSI is at most tau"; computed once."""
        if tau not in self.known:
            self.known[tau] = self.comparison.p_beyond(tau)
        return self.known[tau]


def _compared(columns: Sequence[ColumnCounts], dispersions: Mapping[str, float]) -> dict[_Column, _Tested]:
    found = {}
    for one in sorted(columns, key=lambda column: (column.family, column.column)):
        factor = dispersions.get(one.column, 1.0)
        comparison = compare(one.baseline, one.current, ordered=one.ordered, dispersion=factor)
        if comparison is not None:
            found[one.family, one.column] = _Tested(comparison)
    return found


def _spend(
    plan: Plan, before: Sequences, window: Decided, compared: Mapping[_Column, _Tested]
) -> tuple[dict[str, state.Sequence], dict[str, float]]:
    """Take one step in the alpha sequence of every family with a testable column."""
    sequences, levels = dict(before.families), {}
    for family in sorted({family for family, _ in compared}):
        p_values = [one.p_value(plan.tolerance.psi) for (own, _), one in compared.items() if own == family]
        sequence = sequences.get(family, state.Sequence())
        period = max(sequence.period, window.end // _MONTH_US)
        wealth = sequence.wealth if period == sequence.period else multiplicity.Wealth()
        levels[family] = multiplicity.bh_level(p_values, plan.level(window.granularity, wealth))
        rejected = min(p_values) <= levels[family]
        sequences[family] = state.Sequence(period, multiplicity.spent(wealth, rejected=rejected))
    return sequences, levels


def _bet(
    plan: Plan, before: Mapping[RateName, Stream], window: Decided
) -> tuple[dict[RateName, Stream], dict[RateName, Reason]]:
    """Let every stream of rates bet on the window, and judge those of a family together."""
    streams, alarming = dict(before), {}
    rates = sorted(window.evidence.rates, key=lambda rate: rate.name)
    if not window.apart:
        return streams, {one.name: Reason.LASTING for one in rates if before.get(one.name, Stream()).alarmed}
    bettors = {one.name: Bettor.against(e_process.tolerated(*one.usual, plan.tolerance.psi)) for one in rates}
    for one in rates:
        streams[one.name] = e_process.observe(streams.get(one.name, Stream()), bettors[one.name], *one.now)
    for family in sorted({one.name.family for one in rates}):
        own = [one for one in rates if one.name.family == family]
        values = {one.name: e_process.value(streams[one.name]) for one in own}
        needed = multiplicity.e_bh_level(list(values.values()), plan.stream_level(window.granularity))
        for one in own:
            fresh = values[one.name] >= needed
            settled = e_process.settle(streams[one.name], bettors[one.name], *one.now, alarm=fresh)
            streams[one.name] = settled
            if settled.alarmed:
                alarming[one.name] = Reason.RATE if fresh and not before.get(one.name, Stream()).alarmed else Reason.LASTING
    return streams, alarming


def _follow(
    plan: Plan, before: Mapping[ColumnName, Course], window: Decided, dispersions: Mapping[str, float]
) -> tuple[dict[ColumnName, Course], dict[str, bytes]]:
    """Let every column bet on where the window's rows are, and judge those of a family together. Nobody bets twice on a row."""
    courses, bets = dict(before), {}
    for one in window.evidence.columns:
        course = courses.get(one.name, Course())
        bet = lasting.bet_of(course, one, plan.tolerance.psi, dispersions.get(one.column, 1.0))
        bets[one.name] = bet._replace(reason=Reason.LASTING if course.alarmed and bet.cells else None)
        if window.apart:
            courses[one.name] = lasting.moved(course, bet, one.current)
    if not window.apart:
        return courses, _packed(bets)
    for family in sorted({one.family for one in window.evidence.columns}):
        own = [one for one in window.evidence.columns if one.family == family]
        values = {one.name: lasting.value(courses[one.name]) for one in own}
        needed = multiplicity.e_bh_level(list(values.values()), plan.lasting_level(window.granularity))
        for one in own:
            alarm = values[one.name] >= needed
            courses[one.name], bets[one.name] = lasting.settled(courses[one.name], bets[one.name], one.current, alarm=alarm)
    return courses, _packed(bets)


def _packed(bets: Mapping[ColumnName, Bet]) -> dict[str, bytes]:
    families = sorted({name.family for name, bet in bets.items() if bet.cells})
    return {family: lasting.pack([bet for name, bet in sorted(bets.items()) if name.family == family]) for family in families}


def _dispersions(policy: Calibrated, calm: Mapping[str, Calm]) -> dict[str, float]:
    found = dispersion.factors(calm)
    for name, factor in policy.dispersions.items():
        found[name] = max(found.get(name, 1.0), factor)
    return {name: factor for name, factor in sorted(found.items()) if factor > 1}


def _learned(before: Mapping[str, Calm], window: Decided) -> dict[str, Calm]:
    calm = dict(before)
    for one in window.evidence.columns:
        calm[one.column] = dispersion.observe(calm.get(one.column, Calm()), one.current, ordered=one.ordered)
    return calm


def _classic(policy: Classic, before: State, window: Decided) -> Verdict:
    measures = restated(policy, Terms(), window)
    since = risk.classic_since(window.end)
    counted = {start: found for start, found in before.past.windows.items() if start >= since}
    counted[window.start] = dict(sorted(risk.violations((*window.earlier, *measures)).items()))
    return Verdict(
        measures=measures,
        alarms=alarms_of(measures, rates={}, tested=frozenset()),
        risk=risk.classic_score(counted.values(), policy.weights),
        state=State(before.sequences, replace(before.past, windows=counted)),
        terms=Terms(),
    )
