"""False alarms and power of calibrated alarms on simulated weeks, beside thresholds that are usual, always-fire and never-fire.

Seeded. Each figure that may not be exceeded has its limit as the peer; DRIFTLINE_BENCH_WEEKS multiplies the weeks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.results import Result, result
from driftline.drift.calibration.e_process import Bettor, Stream, observe, settle, tolerated, value
from driftline.drift.calibration.evidence import ColumnCounts, Evidence
from driftline.drift.calibration.judge import Calibrated, Decided, judge
from driftline.drift.calibration.multiplicity import Wealth, level, lord_plus_plus, spent
from driftline.drift.calibration.plan import Plan
from driftline.drift.calibration.size_aware import compare
from driftline.drift.calibration.state import State
from driftline.drift.calibration.tolerance import Tolerance
from driftline.drift.measures.psi import psi
from driftline.events import Measure

HOUR_US = 3_600_000_000
DECILES = np.full(10, 0.1)
COLUMNS, HOURS, N, M = 20, 168, 1000, 10_000
DRIFTED, SINCE, SIGMAS = 2, 100, 0.174
WEEKS = int(os.environ.get("DRIFTLINE_BENCH_WEEKS", "1"))

Cells = NDArray[np.int64]


def _shifted(sigmas: float) -> NDArray[np.float64]:
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    return np.diff([0, *stats.norm.cdf(edges - sigmas), 1])


def _week(
    random: np.random.Generator, *, drifted: int = 0, sigmas: float = 0.0, m: int = M, cluster: int = 1
) -> tuple[Cells, Iterator[Cells]]:
    """A baseline, and the counts of 168 hours, columns x cells; rows come in clusters of equal ones."""
    baseline, shares = random.multinomial(m // cluster, DECILES, COLUMNS) * cluster, _shifted(sigmas)

    def hours() -> Iterator[Cells]:
        for hour in range(HOURS):
            current = random.multinomial(N // cluster, DECILES, COLUMNS) * cluster
            if hour >= SINCE:
                current[:drifted] = random.multinomial(N, shares, drifted)
            yield current

    return baseline, hours()


def _windows(repeats: int) -> Iterator[Result]:
    """Share of unchanged windows that alarm, by their size."""
    random = np.random.default_rng(1)
    for n in (100, 200, 1000, 10_000):
        pairs = list(zip(random.multinomial(M, DECILES, repeats), random.multinomial(n, DECILES, repeats), strict=True))
        tests = [found for b, c in pairs if (found := compare(b, c, ordered=True)) is not None]
        p_values = np.array([found.p_any for found in tests])
        fixed = float(np.mean([(psi(b, c) or 0) > 0.1 for b, c in pairs]))
        for alpha in (0.05, 0.01):
            name = f"unchanged windows of {n:,} rows that alarm at level {alpha:g} (0.5 to 1.5 x allowed from 200 on)"
            yield result(name, float(np.mean(p_values <= alpha)), "share", "stated level", alpha)
        yield result(f"the same, fixed PSI > 0.1, n = {n:,}", fixed, "share", "always-fire", 1.0)
        tolerant = float(np.mean([found.p_beyond(0.1) <= 0.05 for found in tests]))
        yield result(f"the same, tolerance PSI 0.1 at level 0.05, n = {n:,}", tolerant, "share", "stated level (at most)", 0.05)


def _by_policy(policy: Calibrated) -> Callable[[Cells, Iterator[Cells]], NDArray[np.bool_]]:
    """Cells (hour, column) that a policy tells."""
    names = [f"x{i:02}" for i in range(COLUMNS)]
    measures = tuple(Measure(family="feature", name="psi", column=name, value=0.0) for name in names)

    def told(baseline: Cells, hours: Iterator[Cells]) -> NDArray[np.bool_]:
        state, found = State(), []
        for hour, current in enumerate(hours):
            counts = zip(names, baseline, current, strict=True)
            evidence = Evidence(tuple(ColumnCounts("feature", name, b, c, ordered=True) for name, b, c in counts))
            start = hour * HOUR_US
            window = Decided(start=start, end=start + HOUR_US, granularity="1 hour", measures=measures, evidence=evidence)
            verdict = judge(policy, state, window)
            state = verdict.state
            violated = {measure.column for measure in verdict.measures if measure.violated}
            found.append([name in violated for name in names])
        return np.array(found)

    return told


def _by_sequence(levels: Callable[[Wealth], float]) -> Callable[[Cells, Iterator[Cells]], NDArray[np.bool_]]:
    """Cells that one sequence over all of them rejects, in the order of hours and columns."""

    def told(baseline: Cells, hours: Iterator[Cells]) -> NDArray[np.bool_]:
        wealth, found = Wealth(), []
        for current in hours:
            for b, c in zip(baseline, current, strict=True):
                test = compare(b, c, ordered=True)
                found.append(test is not None and test.p_any <= levels(wealth))
                wealth = spent(wealth, rejected=found[-1])
        return np.array(found).reshape(HOURS, COLUMNS)

    return told


def _policy(tau: float, pages: float) -> Calibrated:
    return Calibrated(Plan(Tolerance(pages, tau), ("feature",)), {"feature": 1.0})


def _null_weeks(weeks: int) -> Iterator[Result]:
    known = replace(_policy(0.0, 30), dispersions={f"x{i:02}": 4.0 for i in range(COLUMNS)})
    cases = (
        ("any change, 30 false pages a month", _policy(0.0, 30), M, 1),
        ("any change, 30 false pages a month, baseline of n rows", _policy(0.0, 30), N, 1),
        ("PSI 0.02, 30 false pages a month", _policy(0.02, 30), M, 1),
        ("PSI 0.1, 1 false page a month", _policy(0.1, 1), M, 1),
        ("rows in clusters of 4, over-dispersion known: any change, 30 false pages", known, M, 4),
        ("rows in clusters of 4, over-dispersion learned: PSI 0.02, 30 false pages", _policy(0.02, 30), M, 4),
    )
    for name, policy, m, cluster in cases:
        told = _by_policy(policy)
        counts = []
        for seed in range(weeks):
            baseline, hours = _week(np.random.default_rng([2, seed]), m=m, cluster=cluster)
            counts.append(int(told(baseline, hours).any(axis=1).sum()))
        stated = policy.plan.tolerance.false_pages * 7 / 30
        surely = stats.poisson.sf(sum(counts) - 1, stated * weeks) < 0.01
        verdict = "SURELY MORE THAN" if surely else "at most"
        yield result(
            f"false windows of a null week, 20 x 168: {name}", float(np.mean(counts)), "windows", f"{verdict} stated", stated
        )
    yield result("the same, always-fire", HOURS, "windows", "never-fire", 0.0)


def _drifting_weeks(weeks: int) -> Iterator[Result]:
    """Two of twenty columns drift from hour 100: true and false cells."""
    lord = lord_plus_plus(0.05)
    cases: tuple[tuple[str, float, Callable[[Cells, Iterator[Cells]], NDArray[np.bool_]], float], ...] = (
        ("raw p <= 0.05", SIGMAS, _by_sequence(lambda _: 0.05), 132),
        ("Bonferroni per window", SIGMAS, _by_sequence(lambda _: 0.05 / COLUMNS), 110),
        ("LORD++ at 0.05", SIGMAS, _by_sequence(lambda wealth: level(lord, wealth)), 90),
        ("any change, 1 false page a month", SIGMAS, _by_policy(_policy(0.0, 1)), 90),
        ("PSI 0.02, 1 false page a month, a shift of PSI 0.15", 0.4, _by_policy(_policy(0.02, 1)), 136),
    )
    for name, sigmas, told, anchor in cases:
        true, false = [], []
        for seed in range(weeks):
            found = told(*_week(np.random.default_rng([3, seed]), drifted=DRIFTED, sigmas=sigmas))
            real = int(found[SINCE:, :DRIFTED].sum())
            true.append(real)
            false.append(int(found.sum()) - real)
        yield result(f"true cells of 136, two columns drift: {name}", float(np.mean(true)), "cells", "reference run", anchor)
        yield result(f"false cells of 3,224: {name}", float(np.mean(false)), "cells", "always-fire", 3224)


def _rates(weeks: int) -> Iterator[Result]:
    """Streams of rates: panes of 200 events at the tolerable rate itself, and at a baseline that had to be estimated."""
    random = np.random.default_rng(4)
    for threshold in (100.0, 1000.0):
        yield result(
            f"false alarms per pane of e-SR, rate known, A = {threshold:g} ({weeks} weeks of hours in a row)",
            _rate(random, [Bettor.against(0.1)], threshold, weeks * HOURS),
            "per pane",
            "1 / A (at most)",
            1 / threshold,
        )
    estimated = [Bettor.against(tolerated(int(hits), 10_000, 0.0)) for hits in random.binomial(10_000, 0.1, weeks)]
    found = _rate(random, estimated, 100.0, HOURS)
    yield result("the same, rate estimated from 10,000 rows, A = 100", found, "per pane", "1 / A (at most)", 0.01)


def _rate(random: np.random.Generator, bettors: list[Bettor], threshold: float, panes: int) -> float:
    alarms = 0
    for bettor in bettors:
        stream = Stream()
        for hits in random.binomial(200, 0.1, panes).tolist():
            stream = observe(stream, bettor, hits, 200)
            alarm = value(stream) >= threshold
            alarms += alarm
            stream = settle(stream, bettor, hits, 200, alarm=alarm)
    return alarms / (len(bettors) * panes)


def _cost() -> Iterator[Result]:
    for tau in (0.0, 0.1):
        told = _by_policy(_policy(tau, 1))
        baseline, hours = _week(np.random.default_rng(5))
        windows = list(hours)
        began = time.process_time()
        told(baseline, iter(windows))
        spent_s = time.process_time() - began
        name = f"judging one window of 20 columns, PSI {tau:g} tolerated"
        yield result(name, spent_s / HOURS * 1000, "CPU ms", "never-fire", None)


def run() -> list[Result]:
    """All simulations: about two minutes of CPU."""
    return [
        *_windows(10_000),
        *_null_weeks(20 * WEEKS),
        *_drifting_weeks(8 * WEEKS),
        *_rates(500 * WEEKS),
        *_cost(),
    ]


if __name__ == "__main__":
    for line in run():
        print(f"{line['name']:<100} {line['value']:>10.4g} {line['unit']:<8} {line['peer']} {line['peer_value']}")
