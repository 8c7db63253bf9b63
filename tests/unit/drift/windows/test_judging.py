"""Decisions under a tolerance and under the classic policy, window after window."""

import numpy as np
import pytest
from scipy.stats import binomtest

from driftline.drift.windows import Evaluator, Rules, key_bytes, key_of, restore, take_changes
from driftline.events import (
    Decision,
    Direction,
    DriftCleared,
    DriftDetected,
    Group,
    MonitorSlice,
    Policy,
    Threshold,
    WindowReport,
)
from tests.unit.drift.windows.building import HOUR, MONITOR, SECOND, START, Feed, book_of, change, feed, layout_of, sources

TOLERANT = change(
    MONITOR,
    policy=Policy.TOLERANCE,
    tolerated_psi=0.05,
    granularities=("1 hour",),
    alert_on="1 hour",
    labels=False,
    minimum_n=100,
    thresholds=(),
    weights={"feature": 1.0},
)
USUAL, MOVED, FEW = {"AA": 200, "UA": 200}, {"AA": 340, "UA": 60}, {"AA": 40, "UA": 2}


def hours(stream: Feed, *windows, first=0, version="1"):
    for hour, carriers in enumerate(windows, first):
        stream.rows(START + hour * HOUR, carriers, version=version)
    stream.mark(START + (first + len(windows)) * HOUR + HOUR)
    return stream


def reports(stream: Feed) -> list[WindowReport]:
    return [report for report in stream.told(WindowReport) if report.decision is Decision.INPUTS]


def psi(report: WindowReport):
    return next(measure for measure in report.measures if (measure.name, measure.column) == ("psi", "carrier"))


def test_a_shift_that_is_surely_larger_than_tolerated_alarms_and_says_how_sure():
    stream = hours(feed(TOLERANT), USUAL, MOVED)
    usual, moved = reports(stream)
    assert not psi(usual).violated
    assert psi(usual).p_value > 0.9
    assert psi(moved).violated
    assert psi(moved).value > psi(moved).limit > TOLERANT.tolerated_psi
    assert psi(moved).p_value <= next(level.alpha for level in moved.levels if level.family == "feature")
    assert (moved.risk_score, moved.severity) == (100.0, "CRITICAL")
    assert [(event.kind, event.alert) for event in stream.told(DriftDetected) if event.kind == "feature"] == [("feature", True)]


def test_what_the_tolerance_allows_is_no_alarm_however_many_rows_there_are():
    stream = hours(feed(change(TOLERANT, tolerated_psi=0.02)), {"AA": 560_000, "UA": 440_000})
    (report,) = reports(stream)
    assert psi(report).value == pytest.approx(0.0145, abs=1e-4)
    assert not psi(report).violated


def test_windows_below_minimum_n_and_paused_ones_cost_no_budget():
    few = hours(feed(TOLERANT), FEW, USUAL)
    alone = hours(feed(TOLERANT), FEW | {"AA": 0, "UA": 0}, USUAL)
    assert [report.levels for report in reports(few)] == [report.levels for report in reports(alone)]
    skipped = [report for report in few.told(WindowReport) if report.n == 42]
    assert {(report.decision, report.levels, report.risk_score) for report in skipped} == {(Decision.NONE, (), None)}
    paused = hours(feed(change(TOLERANT, paused=True)), MOVED)
    assert reports(paused) == []
    assert paused.evaluator.state.models["m"].alphas == {}


def test_new_values_are_bet_on_and_told_until_they_end():
    odd = USUAL | {"ZZ": 60}
    stream = hours(feed(TOLERANT), USUAL, odd, odd, USUAL, USUAL, USUAL)
    found = [next(m for m in report.measures if (m.name, m.column) == ("unseen_rate", "carrier")) for report in reports(stream)]
    assert [measure.violated for measure in found] == [False, True, True, False, False, False]
    told = [type(event).__name__ for event in stream.outputs if getattr(event, "kind", "") == "quality"]
    assert told == ["DriftDetected", "DriftCleared"]


def play(stream: Feed, windows, restart_at=None):
    for hour, carriers in enumerate(windows):
        if hour == restart_at:
            restarted(stream)
        stream.rows(START + hour * HOUR, carriers)
        stream.wait(SECOND)
    stream.mark(START + (len(windows) + 1) * HOUR)
    return stream


def restarted(stream: Feed) -> None:
    """All that the evaluator knows goes through the bytes on `states`."""
    for key, body in take_changes(stream.evaluator.state):
        stream.kept[key_bytes(key)] = body
    rules = Rules(book_of(stream.monitor))
    kept = [(key_of(key), body) for key, body in stream.kept.items() if body is not None]
    stream.evaluator = Evaluator(0, sources(1), rules, state=restore(kept, rules.layout))


@pytest.mark.parametrize("policy", [Policy.TOLERANCE, Policy.CLASSIC])
def test_a_restart_between_any_two_windows_changes_no_report_and_no_event(policy):
    random = np.random.default_rng(5)
    windows = [{"AA": a, "UA": 400 - a, "ZZ": 5 * hour} for hour, a in enumerate(random.binomial(400, 0.56, 12).tolist())]
    monitor = change(TOLERANT, policy=policy, thresholds=CLASSIC if policy is Policy.CLASSIC else ())
    reference = play(feed(monitor), windows)
    assert len(reports(reference)) == 12
    for restart_at in range(1, 12):
        stream = feed(monitor)
        play(stream, windows, restart_at)
        assert stream.outputs == reference.outputs


CLASSIC = (Threshold(family="feature", measure="js", limit=0.05, direction=Direction.ABOVE),)


def test_the_classic_risk_counts_the_violations_of_seven_days():
    stream = hours(
        feed(change(TOLERANT, policy=Policy.CLASSIC, thresholds=CLASSIC, weights={"feature": 0.25})), MOVED, MOVED, USUAL
    )
    assert [report.risk_score for report in reports(stream)] == pytest.approx([1.25, 2.5, 2.5])
    last = {report.start: report for report in stream.told(WindowReport)}
    assert [report.risk_score for report in last.values()] == pytest.approx([1.25, 2.5, 2.5])


PERFORMANCE = tuple(
    Threshold(family="performance", measure=name, limit=limit, direction=Direction.BELOW)
    for name, limit in (("f1", 0.65), ("precision", 0.60), ("recall", 0.60))
)
"""The classic limits of performance."""


WEIGHTS = {"feature": 0.25, "prediction": 0.30, "label": 0.20, "performance": 0.25}


def labelled(policy: Policy, *windows: tuple[int, int]) -> Feed:
    """Hours of 400 predictions of `late`, of which so many labels are late, and so many are not."""
    monitor = change(
        TOLERANT, policy=policy, labels=True, label_delay_us=HOUR, thresholds=PERFORMANCE, minimum_n=10, weights=WEIGHTS
    )
    stream = hours(feed(monitor), *[USUAL] * len(windows))
    end = START + (len(windows) + 3) * HOUR
    stream.mark(START, group=Group.JOIN)
    for hour, (right, wrong) in enumerate(windows):
        stream.pairs(START + hour * HOUR, START + hour * HOUR + SECOND, right=right, wrong=wrong)
    stream.mark(end)
    stream.mark(end, group=Group.JOIN)
    return stream


def failing(stream: Feed) -> list[set[str]]:
    decided = [report for report in stream.told(WindowReport) if report.decision is Decision.PERFORMANCE]
    return [{m.name for m in report.measures if m.family == "performance" and m.violated} for report in decided]


@pytest.mark.parametrize("policy", list(Policy))
def test_performance_surely_beyond_its_limit_alarms_at_label_close_under_every_policy(policy):
    stream = labelled(policy, (90, 10), (30, 70))
    assert failing(stream) == [set(), {"f1", "precision"}]  # f1 = .46; recall is 1
    (told,) = [event for event in stream.told(DriftDetected) if event.kind == "performance"]
    assert told.window_start == START + HOUR
    assert {(column.measure, column.limit) for column in told.columns} == {("f1", 0.65), ("precision", 0.60)}
    report = next(r for r in stream.told(WindowReport) if r.decision is Decision.PERFORMANCE and r.start == START + HOUR)
    (precision,) = [m for m in report.measures if m.name == "precision"]
    assert (precision.value, precision.n, report.label_coverage) == (0.3, 100, 0.25)
    assert (precision.low, precision.high) == pytest.approx(binomtest(30, 100).proportion_ci(method="wilson"))


@pytest.mark.parametrize(("policy", "told"), [(Policy.LIMITS, 1), (Policy.CLASSIC, 1), (Policy.TOLERANCE, 0)])
def test_a_figure_that_only_looks_worse_than_its_limit_alarms_where_limits_decide_but_not_under_a_tolerance(policy, told):
    stream = labelled(policy, (11, 9))  # precision .55, but from .34 to .74
    assert failing(stream) == [{"precision"} if told else set()]
    assert len([event for event in stream.told(DriftDetected) if event.kind == "performance"]) == told


def test_a_decided_window_holds_the_analysis_of_every_family_with_one_score_and_its_band():
    stream = labelled(Policy.LIMITS, (30, 70))
    report = next(r for r in stream.told(WindowReport) if r.decision is Decision.PERFORMANCE)
    assert {"feature", "prediction", "performance", "quality"} <= {measure.family for measure in report.measures}
    failing = {(m.family, m.name) for m in report.measures if m.violated}
    assert failing == {("performance", "f1"), ("performance", "precision")}
    # two of the three checks of performance fail; families without a check leave their weight to it
    assert report.risk_score == pytest.approx(100 * 2 / 3)
    assert report.severity == "HIGH"


def test_slices_share_a_budget_of_their_own():
    sliced = change(TOLERANT, slices=(MonitorSlice(columns=("carrier",)),))
    whole, parts = feed(TOLERANT), feed(sliced)
    assert whole.evaluator is not parts.evaluator
    hours(whole, MOVED, USUAL)
    rules = Rules(book_of(sliced))
    assert rules.policy(sliced, "").plan.series == 1
    assert rules.policy(sliced, "carrier=AA").plan.series == len(layout_of(sliced).slices) > 1


def test_versions_that_are_retired_are_forgotten():
    first = TOLERANT
    second = change(TOLERANT, monitor_version=2, effective_from=START + 2 * HOUR, retired_versions=("1",))
    stream = feed(first, book=book_of(first, second))
    stream.rows(START, MOVED)
    stream.mark(START + HOUR + HOUR // 2)
    assert {key[0] for key in stream.evaluator.state.models["m"].pasts} == {"1"}
    hours(stream, USUAL, USUAL, first=2, version="2")
    assert {key[0] for key in stream.evaluator.state.models["m"].pasts} == {"2"}
    assert [event.reason.value for event in stream.told(DriftCleared)] == ["SUPERSEDED"] * len(stream.told(DriftCleared))
    assert stream.told(DriftCleared)
