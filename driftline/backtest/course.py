"""What became of the model over the whole backtest: trends, estimates beside what came out, and groups side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from driftline.backtest.replay import Findings
from driftline.drift.estimation import CAVEAT, FAMILY, absolute_error, differences
from driftline.drift.fairness import OF_OUTCOMES, OF_PREDICTIONS, Verdict, verdict
from driftline.drift.profile import ALL_ROWS
from driftline.drift.trends import Analysis, Course, analyze, history_of, limits_of
from driftline.events import Monitor, WindowReport
from driftline.wording import amount

__all__ = ["analysis", "decided", "sentences"]

_DAY_US = 86_400_000_000
_SHOWN = 5
_ESTIMATED = ("accuracy", "auc", "f1", "mae")
_PARITY = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equal_opportunity_difference",
)


def decided(findings: Findings, monitor: Monitor) -> list[WindowReport]:
    """The decisions that alarms could come from, of the model version that came last, in the order of time."""
    chosen = [
        report for report in findings.decided.values() if report.granularity == monitor.alert_on and report.slice == ALL_ROWS
    ]
    last = max(chosen, key=lambda report: report.end, default=None)
    own = (report for report in chosen if last is not None and report.model_version == last.model_version)
    return sorted(own, key=lambda report: (report.start, report.revision))


def analysis(reports: Iterable[WindowReport]) -> Analysis | None:
    """Trends over all windows of a series, and a week's forecast; None without windows."""
    kept = list(reports)
    if not kept:
        return None
    end = max(report.end for report in kept)
    days = (end - min(report.start for report in kept)) // _DAY_US + 1
    return analyze(history_of(kept), now=end, time_window_days=days, metrics=limits_of(kept))


def sentences(findings: Findings, monitor: Monitor) -> Iterator[str]:
    """In words, what is worth saying."""
    reports = decided(findings, monitor)
    yield from _trends(analysis(reports))
    last = {report.start: report for report in reports}.values()
    yield from _estimates(list(last))
    yield from _groups(list(last), monitor)


def _trends(found: Analysis | None) -> Iterator[str]:
    if found is None:
        return
    moving = {name: trend for name, trend in found.trend_analysis.items() if trend.direction is not Course.STABLE}
    for name, trend in list(moving.items())[:_SHOWN]:
        yield f"{name} is {trend.direction.value}: {trend.slope:+.4g} a day over {amount(trend.n, 'window')} (p = {trend.significance:.2g})."
    for alert in found.alerts:
        if alert.type == "forecast_alert" and alert.metric in moving and moving[alert.metric].direction is Course.DEGRADING:
            yield f"If that goes on: {alert.description}."


def _estimates(reports: list[WindowReport]) -> Iterator[str]:
    """One figure: how near its estimate came, or what it is estimated at where no labels came."""
    for name in _ESTIMATED:
        caveat = absolute_error.CAVEAT if name == "mae" else CAVEAT
        compared = [(apart, inside) for r in reports for n, apart, inside in differences(r.measures) if n == name]
        if compared:
            off = sum(abs(apart) for apart, _ in compared) / len(compared)
            held = sum(inside for _, inside in compared)
            yield (
                f"Without labels {name} would have been estimated to within {off:.3f} on average; its interval held what came "
                f"out in {held} of {amount(len(compared), 'window')} ({caveat})."
            )
            return
        alone = [m for m in (reports[-1].measures if reports else ()) if (m.family, m.name) == (FAMILY, name)]
        if alone and alone[0].value is not None:
            one = alone[0]
            yield f"No labels: {name} of the last window is estimated at {one.value:.3f} ({one.low:.3f} to {one.high:.3f}; {caveat})."
            return


def _groups(reports: list[WindowReport], monitor: Monitor) -> Iterator[str]:
    for attribute in monitor.protected:
        found = [
            (measure, verdict(measure))
            for report in reports
            for measure in report.measures
            if measure.family in (OF_PREDICTIONS, OF_OUTCOMES) and measure.column == attribute and measure.name in _PARITY
        ]
        known = [measure for measure, said in found if said is not Verdict.INSUFFICIENT_EVIDENCE]
        failing = sorted({measure.name for measure, said in found if said is Verdict.FAIL})
        if not known:
            yield f"Groups of {attribute} could not be compared in any window: too few rows, which is no pass."
        elif not failing:
            yield f"Groups of {attribute} were treated alike within the limits wherever there were rows enough to tell."
        for name in failing:
            of_name = [measure for measure in known if measure.name == name]
            broken = [measure for measure in of_name if measure.violated]
            values = [measure.value for measure in broken if measure.value is not None]
            worst = min(values) if name.endswith("_ratio") else max(values)
            yield (
                f"Groups of {attribute}: {name} was beyond its limit of {broken[0].limit:g} in {len(broken)} of "
                f"{amount(len(of_name), 'window')} (worst {worst:.3f})."
            )
