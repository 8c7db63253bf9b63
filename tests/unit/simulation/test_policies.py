"""The same schedules under a tolerance and under the classic policy, whose decisions remember other windows.

What is remembered must not depend on how records interleaved, on restarts, or on how far data closes and label closes are
apart: decisions and episodes are the same for every schedule, and they follow from the decided windows alone.
DRIFTLINE_POLICY_SCHEDULES sets how many are played of each (6).
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import replace
from functools import cache

import pytest

from driftline.drift.baseline import fit_baseline
from driftline.drift.calibration.evidence import of_inputs, of_labels, of_windows
from driftline.drift.calibration.judge import Calibrated, Decided, judge
from driftline.drift.calibration.state import Past, Sequences, State, Terms
from driftline.drift.measures import between, inputs
from driftline.drift.performance import labels
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows.policies import policy_of
from driftline.events import (
    ColumnKind,
    Decision,
    Direction,
    Monitor,
    MonitorReference,
    MonitorSlice,
    Part,
    PastComparison,
    Policy,
    Reference,
    Threshold,
    WindowReport,
)
from tests.unit.simulation import world as worlds
from tests.unit.simulation.chaos import Chaos, traffic
from tests.unit.simulation.checks import check_all, decisions, drift
from tests.unit.simulation.events import MODELS
from tests.unit.simulation.world import MINUTE, World, monitor_of

SCHEDULES = int(os.environ.get("DRIFTLINE_POLICY_SCHEDULES", "6"))
ROWS = 100
TURNS = 150
KINDS = worlds.KINDS | {":label": ColumnKind.CATEGORICAL}
BASELINE = fit_baseline(
    "north",
    {
        "carrier": ["AA"] * 90 + ["UA"] * 110,
        ":prediction": ["late"] * 120 + ["on time"] * 80,
        ":label": ["late", "on time"] * 100,
    },
    KINDS,
    sampled=True,
)
CLASSIC = (
    Threshold(family="feature", measure="js", limit=0.02, direction=Direction.ABOVE),
    Threshold(family="prediction", measure="chi2_pvalue", limit=0.2, direction=Direction.BELOW),
    Threshold(family="performance", measure="f1", limit=0.7, direction=Direction.BELOW),
)
ACCURACY = (Threshold(family="performance", measure="accuracy", limit=0.6, direction=Direction.BELOW),)


def watched(model: str, policy: Policy, *, sliced: bool) -> Monitor:
    return monitor_of(
        model,
        patient=True,
        baseline_id=BASELINE.baseline_id,
        granularities=("1 hour", "7 hours"),
        policy=policy,
        references=(MonitorReference(reference=Reference.CONSECUTIVE, granularities=("1 hour", "7 hours")),),
        slices=(MonitorSlice(columns=("carrier",)),) if sliced else (),
        tolerated_false_pages=40.0,
        tolerated_psi=0.0,
        multivariate="mmd",
        thresholds=CLASSIC if policy is Policy.CLASSIC else ACCURACY,
        weights={"feature": 0.3, "prediction": 0.2, "label": 0.2, "performance": 0.3},
    )


@pytest.fixture(autouse=True)
def _baseline(monkeypatch):
    monkeypatch.setattr(worlds, "BASELINE", BASELINE)
    monkeypatch.setattr("tests.unit.simulation.checks.BASELINE", BASELINE)


def world_of(seed: int, policy: Policy, **options) -> World:
    monitors = {model: watched(model, policy, sliced=seed % 2 == 1) for model in MODELS}
    return World(seed, patient=True, monitors=monitors, changes=seed % 3 == 0, measures=(inputs, labels), **options)


def rows_of(seed: int):
    return traffic(random.Random(seed), rows=ROWS, disorder_us=4 * MINUTE, versions="1")


def orderly(seed: int, policy: Policy) -> World:
    world = world_of(seed, policy, instances=1)
    world.poll_messages = 200
    world.start()
    for (topic, partition), rows in rows_of(seed).items():
        world.send(topic, partition, *rows)
    world.finish()
    return world


def disorderly(seed: int, policy: Policy) -> World:
    world = world_of(seed, policy, caches=seed % 2 == 1)
    Chaos(world, rows_of(seed), long_pauses=False).play(TURNS)
    return world


@pytest.mark.parametrize("policy", [Policy.TOLERANCE, Policy.CLASSIC])
@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_decisions_and_episodes_are_the_same_for_every_schedule(seed, policy):
    world, reference = disorderly(seed, policy), orderly(seed, policy)
    check_all(world)
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)
    if policy is Policy.TOLERANCE:
        check_judgements(world)


def check_judgements(world: World) -> None:
    """Every decision follows from the counts of the windows that were decided before it, in their order."""
    sequences: dict[tuple, Sequences] = defaultdict(Sequences)
    pasts: dict[tuple, Past] = defaultdict(Past)
    for report in world.told("windows"):
        if report.decision is Decision.NONE:
            continue
        monitor = world.book.version(report.model_id, report.monitor_version)
        assert monitor is not None
        sliced = report.slice != ""
        layout, policy = held_to(monitor, sliced=sliced)
        side, window = decided(report, monitor, layout)
        place = (report.model_id, report.granularity, sliced)
        series = (*place, report.model_version, report.slice, side)
        verdict = judge(policy, State(sequences[place], pasts[series]), window)
        sequences[place], pasts[series] = verdict.state.sequences, verdict.state.past
        told = {(m.family, m.name, m.column): m for m in report.measures}
        assert {(m.family, m.name, m.column): m for m in verdict.measures}.items() <= told.items()
        levels = {level.family: level.alpha for level in report.levels}
        assert verdict.terms.levels.items() <= levels.items()
        if report.decision is Decision.INPUTS:
            for found in report.comparisons:
                key = (*place, found.reference)
                sequences[key] = check_comparison(report, found, monitor, verdict.terms, sequences[key])


def check_comparison(
    report: WindowReport, found: PastComparison, monitor: Monitor, terms: Terms, before: Sequences
) -> Sequences:
    """What a decided window says of the one before follows from both counts and the comparisons that were decided earlier."""
    if found.n < monitor.minimum_n:
        assert not found.measures
        return before
    layout, policy = held_to(monitor, sliced=False)
    then = Profile.decode(layout, Part.INPUTS, found.n, found.cells, found.sums)
    now = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
    window = Decided(
        start=report.start,
        end=report.end,
        granularity=report.granularity,
        measures=between(layout, then, now),
        evidence=of_windows(layout, then, now),
        apart=False,
    )
    verdict = judge(replace(policy, thresholds=(), dispersions=terms.dispersions), State(before, Past()), window)
    assert verdict.measures == found.measures
    assert verdict.terms.levels == {level.family: level.alpha for level in found.levels}
    return verdict.state.sequences


def held_to(monitor: Monitor, *, sliced: bool) -> tuple[Layout, Calibrated]:
    layout = Layout.of(monitor, BASELINE)
    policy = policy_of(monitor, BASELINE, layout, sliced=sliced)
    assert isinstance(policy, Calibrated)
    return layout, policy


def decided(report: WindowReport, monitor: Monitor, layout: Layout) -> tuple[Decision, Decided]:
    """A decided window, from its report alone."""
    if report.decision is Decision.INPUTS:
        profile = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
        measures, evidence = inputs(layout, BASELINE, monitor, profile), of_inputs(layout, BASELINE, profile)
    else:
        profile = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"")
        measures = labels(layout, monitor, profile, rows=report.n, baseline=BASELINE)
        evidence = of_labels(layout, BASELINE, profile)
    window = Decided(
        start=report.start,
        end=report.end,
        granularity=report.granularity,
        model_version=report.model_version,
        slice=report.slice,
        measures=measures,
        evidence=evidence,
    )
    return report.decision, window


@cache
def told(seed: int) -> tuple[WindowReport, ...]:
    return tuple(orderly(seed, Policy.TOLERANCE).told("windows"))


def test_schedules_really_test_columns_bet_on_rates_and_alarm(monkeypatch):
    """Otherwise the above could not fail."""
    reports = [report for seed in range(3) for report in told(seed)]
    decided = [report for report in reports if report.decision is not Decision.NONE]
    assert {level.family for report in decided for level in report.levels} == {"feature", "prediction", "label"}
    assert len({level.alpha for report in decided for level in report.levels}) >= 3
    failing = {(m.family, m.name) for report in decided for m in report.measures if m.violated}
    assert ("quality", "unseen_rate") in failing
    assert any(name == "psi" for _, name in failing)
    compared = [found for report in decided for found in report.comparisons if found.measures]
    assert len(compared) > 100
    assert any(measure.p_value is not None for found in compared for measure in found.measures if measure.name == "psi")
    assert len({m.value for report in decided for m in report.measures if m.name == "mmd" and m.value is not None}) > 10


def test_revisions_apply_the_terms_of_the_decision():
    """Counts of late labels change, levels stay; what was decided on inputs is reported by every later revision."""
    by_window = defaultdict(list)
    for report in told(1):
        by_window[report.granularity, report.start, report.model_id, report.slice].append(report)
    revised = 0
    for revisions in by_window.values():
        first = next((report for report in revisions if report.decision is Decision.INPUTS), None)
        if first is None:
            continue
        kept = {(m.column, m.name): m for m in first.measures}
        for report in revisions[revisions.index(first) + 1 :]:
            revised += 1
            again = {(m.column, m.name): m for m in report.measures if (m.column, m.name) in kept and m.family != "performance"}
            assert report.n == first.n
            assert again == kept
            assert {level.family: level.alpha for level in first.levels}.items() <= {
                level.family: level.alpha for level in report.levels
            }.items()
    assert revised > 20
