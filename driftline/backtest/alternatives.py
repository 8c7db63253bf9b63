"""What other tolerances would have told of the same windows: the counts are there, only the judgement is repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from driftline.backtest.replay import Findings
from driftline.drift import episodes
from driftline.drift.calibration import evidence
from driftline.drift.calibration.evidence import Evidence
from driftline.drift.calibration.judge import Calibrated, Decided, judge
from driftline.drift.calibration.state import Past, Sequences, State
from driftline.drift.calibration.tolerance import Tolerance
from driftline.drift.detectors.series import INPUT_CHANGES, LABEL_CHANGES
from driftline.drift.episodes import Episode, EpisodeKey
from driftline.drift.profile import ALL_ROWS, Layout, Profile
from driftline.drift.windows.policies import plan_of
from driftline.events import Baseline, Decision, DriftDetected, Measure, Monitor, Part, Policy, Reference, WindowReport

__all__ = ["FALSE_PAGES", "SHIFTS", "Alternative", "alternatives"]

FALSE_PAGES = (0.1, 1.0, 10.0)
"""A month, and"""
SHIFTS = (0.02, 0.1, 0.25)
"""PSI that are asked about."""
MOST = 12_000
"""Columns of windows that are judged again, nine times; of longer backtests the first ones, or a report would take minutes more."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One tolerance over the windows that alert."""

    tolerance: Tolerance
    alarms: int
    """Episodes that people would have been told of."""
    windows: int
    """With an alarm, of all those decided."""
    of: int


@dataclass(frozen=True, slots=True)
class _Window:
    report: WindowReport
    measures: tuple[Measure, ...]
    evidence: Evidence


def alternatives(
    findings: Findings, monitor: Monitor, baseline: Baseline, layout: Layout, progress: Callable[[float], None]
) -> list[Alternative]:
    """Judge the decided windows again under each tolerance, by false pages and then by PSI."""
    windows = [_window(report, baseline, layout) for report in _decided(findings, monitor)]
    windows = windows[: max(1, MOST // max(1, len(layout.blocks)))]
    found = []
    asked = [Tolerance(pages, psi) for pages in FALSE_PAGES for psi in SHIFTS]
    for at, tolerance in enumerate(asked):
        progress(at / len(asked))
        found.append(_judged(tolerance, windows, monitor, baseline))
    return found


def _decided(findings: Findings, monitor: Monitor) -> list[WindowReport]:
    chosen = [
        report
        for (granularity, _, name, _, _), report in findings.decided.items()
        if granularity == monitor.alert_on and name == ALL_ROWS
    ]
    return sorted(chosen, key=lambda report: (report.end, report.decision is Decision.PERFORMANCE, report.model_version))


def _window(report: WindowReport, baseline: Baseline, layout: Layout) -> _Window:
    """What a judge looks at: unjudged measures that may alarm, and the counts of the report."""
    if report.decision is Decision.INPUTS:
        profile = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
        found = evidence.of_inputs(layout, baseline, profile)
    else:
        pairs = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"")
        found = evidence.of_labels(layout, baseline, pairs)
    rates = {rate.name for rate in found.rates}
    tested = {(column.family, "psi", column.column) for column in found.columns} | set(rates)
    own = [
        replace(measure, limit=None, violated=False, p_value=None)
        for measure in report.measures
        if (measure.family, measure.name, measure.column or "") in tested
    ]
    kept = {"performance", *LABEL_CHANGES} if report.decision is Decision.PERFORMANCE else INPUT_CHANGES
    return _Window(report, (*own, *(measure for measure in report.measures if measure.family in kept)), found)


def _judged(tolerance: Tolerance, windows: Sequence[_Window], monitor: Monitor, baseline: Baseline) -> Alternative:
    stated = (
        monitor.thresholds
        if monitor.policy is Policy.TOLERANCE
        else tuple(threshold for threshold in monitor.thresholds if threshold.family == "performance")
    )
    policy = Calibrated(replace(plan_of(monitor, baseline), tolerance=tolerance), monitor.weights, stated)
    sequences, pasts = Sequences(), dict[tuple[str, Decision], Past]()
    story = _Story()
    alarming = 0
    for window in windows:
        report = window.report
        series = (report.model_version, report.decision)
        verdict = judge(policy, State(sequences, pasts.get(series, Past())), _asked(window))
        sequences, pasts[series] = verdict.state.sequences, verdict.state.past
        alarming += bool(verdict.alarms)
        severity = None if verdict.risk.severity is None else verdict.risk.severity.value
        story.follow(replace(report, risk_score=verdict.risk.score, severity=severity), verdict.measures)
    return Alternative(tolerance, story.begun, alarming, len(windows))


def _asked(window: _Window) -> Decided:
    report = window.report
    return Decided(
        start=report.start,
        end=report.end,
        granularity=report.granularity,
        model_version=report.model_version,
        measures=window.measures,
        evidence=window.evidence,
    )


class _Story:
    """Episodes of one tolerance."""

    def __init__(self) -> None:
        self.begun = 0
        self._open: dict[EpisodeKey, Episode] = {}

    def follow(self, report: WindowReport, measures: Sequence[Measure]) -> None:
        for family in sorted({measure.family for measure in measures}):
            key = EpisodeKey(report.model_version, ALL_ROWS, report.granularity, family, Reference.BASELINE)
            checks = [measure for measure in measures if measure.family == family]
            after, told = episodes.follow(self._open.get(key), key, report, checks, alert=True, tested=True)
            self.begun += isinstance(told, DriftDetected) and told.sequence == 1
            if after is None:
                self._open.pop(key, None)
            else:
                self._open[key] = after
