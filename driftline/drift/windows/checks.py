"""Checks besides the windows: at the points of a schedule, or because somebody asked; each is decided once.

A scheduled check covers the panes from one point to the next and is due when the model's clock has passed the point, as a
window is: so a restart, a replay and a second instance come to the same, and it needs neither a lock nor the time of day.
Whoever owns the model's partition runs it, and the state that says so is written in the transaction that tells of it. From
when a source has passed the point a check waits for the others, `check_timeout` of append time at most; then it has FAILED.
Points that pass while nobody reads are run afterwards, one by one; a stretch of them without rows is told once.

A check is judged as the first window of a series would be: it feeds no detector, spends no budget, opens no episode. At a
point of the schedule it looks at inputs, as a window does at its data close; one that was asked for looks at labels as well
where their time is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from driftline.drift import risk, thresholds
from driftline.drift.episodes import drifts_of, failing_checks
from driftline.drift.profile import ALL_ROWS, pane_start
from driftline.drift.scheduling import figures
from driftline.drift.thresholds import AlertLevel, verdict
from driftline.drift.windows.calendar import Span
from driftline.drift.windows.judging import Judge
from driftline.drift.windows.points import Point, Points, schedule_of
from driftline.drift.windows.report import Judged, Place, label_measures, reported, sums_of
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model, State
from driftline.drift.windows.window import Window, WindowKey
from driftline.envelope import deterministic_id, iso_time
from driftline.events import (
    CheckExecution,
    CheckRequested,
    CheckStatus,
    CheckTrigger,
    ClosedBy,
    Group,
    HealthCleared,
    HealthOpened,
    Monitor,
    Part,
    Threshold,
    WindowReport,
)
from driftline.wording import amount

__all__ = ["Checker"]

Told = CheckExecution | HealthOpened | HealthCleared


@dataclass(frozen=True, slots=True)
class Checker:
    """Runs what is due at one progress record."""

    state: State
    rules: Rules
    place: Place
    points: Points

    def answers(self, model: Model) -> Iterator[list[Told]]:
        """Answer what was asked, with the counts that there are now."""
        for request in sorted(model.requests.values(), key=lambda each: (each.at, each.request_id)):
            del model.requests[request.request_id]
            self.state.save_model(model)
            yield list(self._answer(model, request))

    def scheduled(self, model: Model) -> Iterator[list[Told]]:
        """Run the points that the model's clock has passed, in order, and begin or give up the next one."""
        reading = model.inputs.read(self.state.cursor.calm[Group.PROFILE])
        while reading is not None and (point := self.points.next(model, self.state.cursor.append_time)) is not None:
            if reading >= point.due:
                yield self._done(model, self._run(model, point, reading))
            elif _idle(point.monitor) is not None or not self._passed(model, point):
                self._wait_from(model, None)
                return
            elif model.check_started is None:
                self._wait_from(model, self.state.cursor.append_time)
                yield [check for check in self._begun(model, point) if check.model_version]
            elif self.state.cursor.swept - model.check_started >= point.monitor.check_timeout_us:
                yield self._done(model, self._give_up(model, point))
            else:
                return

    def _wait_from(self, model: Model, append_time: int | None) -> None:
        """Note since when the next point waits; another version of the monitor may have put it off."""
        if model.check_started != append_time:
            model.check_started = append_time
            self.state.save_model(model)

    def _run(self, model: Model, point: Point, reading: int) -> list[CheckExecution]:
        idle = _idle(point.monitor)
        if idle is not None or not self._versions(model, self._span(point), point.monitor):
            point = self._stretched(model, point, reading, whatever=idle is not None)
        begun = self._begun(model, point)
        if idle is not None:
            return [self._ended(check, CheckStatus.SKIPPED, idle) for check in begun]
        return [self._judged(model, check, point.monitor) for check in begun]

    def _stretched(self, model: Model, point: Point, reading: int, *, whatever: bool) -> Point:
        """Put all points at once that say the same: until rows begin (or to the end, whatever rows there are)."""
        span = self._span(point)
        begins = [] if whatever else [pane.start for pane in model.panes.spans() if pane.start >= span.end]
        until = min([reading, *begins, *(() if point.change is None else (point.change,))])
        return replace(point, due=max(point.due, schedule_of(point.monitor).last(until)))

    def _give_up(self, model: Model, point: Point) -> list[CheckExecution]:
        seconds = point.monitor.check_timeout_us / 1_000_000
        why = (
            f"Drift check timeout after {seconds:g} seconds: not every partition of the predictions has passed "
            f"{iso_time(point.due)}; see the stalled partitions, then `driftline check run {model.model_id}`"
        )
        return [self._ended(check, CheckStatus.FAILED, why) for check in self._begun(model, point)]

    def _done(self, model: Model, told: list[CheckExecution]) -> list[Told]:
        model.checked, model.check_started = told[0].due, None
        news = CheckStatus.COMPLETED if model.check_failed else CheckStatus.FAILED
        noted = next((check for check in told if check.status is news), None)
        if noted is not None:
            model.check_failed = not model.check_failed
        self.state.save_model(model)
        return [*told, *(() if noted is None else (_notice(noted),))]

    def _passed(self, model: Model, point: Point) -> bool:
        furthest = max((seen.event_time for source, seen in model.seen.items() if source.group is Group.PROFILE), default=None)
        return furthest is not None and furthest - point.monitor.lateness_us >= point.due

    def _span(self, point: Point) -> Span:
        """Whole panes: each belongs to one check, whatever minute the schedule names."""
        pane = self.rules.layout(point.monitor.model_id, point.monitor.monitor_version).pane_us
        return Span(pane_start(point.start, pane), pane_start(point.due, pane))

    def _begun(self, model: Model, point: Point) -> list[CheckExecution]:
        span = self._span(point)
        versions = self._versions(model, span, point.monitor) or [""]
        at = self.state.cursor.append_time
        return [
            CheckExecution(
                check_id=deterministic_id("check", model.model_id, version, point.due),
                model_id=model.model_id,
                model_version=version,
                trigger=CheckTrigger.SCHEDULED,
                schedule=point.monitor.check_schedule,
                due=point.due,
                start=span.start,
                end=span.end,
                status=CheckStatus.RUNNING,
                started=at if model.check_started is None else model.check_started,
                monitor_version=point.monitor.monitor_version,
                metrics={},
                at=at,
            )
            for version in versions
        ]

    def _answer(self, model: Model, request: CheckRequested) -> Iterator[CheckExecution]:
        monitor = self.rules.book.version_for(model.model_id, request.end - 1, self.state.cursor.append_time)
        if monitor is None:
            check = self._asked(request, request.model_version, Span(request.start, request.end), None, None)
            yield self._ended(check, CheckStatus.FAILED, f"{model.model_id} had no monitor at that time")
            return
        reading = model.inputs.read(self.state.cursor.calm[Group.PROFILE])
        span = _widened(model, Span(request.start, request.end))
        found = self._versions(model, span, monitor)
        for version in [one for one in found if request.model_version in ("", one)] or [request.model_version]:
            yield self._judged(model, self._asked(request, version, span, monitor, reading), monitor, request.thresholds)

    def _asked(
        self, request: CheckRequested, version: str, span: Span, monitor: Monitor | None, reading: int | None
    ) -> CheckExecution:
        at = self.state.cursor.append_time
        return CheckExecution(
            check_id=deterministic_id("check", request.request_id, version),
            model_id=request.model_id,
            model_version=version,
            trigger=CheckTrigger.ON_DEMAND,
            request_id=request.request_id,
            schedule="" if monitor is None else monitor.check_schedule,
            due=request.at,
            start=span.start,
            end=span.end,
            status=CheckStatus.RUNNING,
            started=at,
            monitor_version=0 if monitor is None else monitor.monitor_version,
            complete=reading is not None and reading >= span.end,
            metrics={},
            actor=request.actor,
            at=at,
        )

    def _versions(self, model: Model, span: Span, monitor: Monitor) -> list[str]:
        """Return the model versions with rows in a range, but for retired ones."""
        return [
            series.model_version
            for series in model.panes.series()
            if series.slice == ALL_ROWS and series.model_version not in monitor.retired_versions
            if any(key.part is Part.INPUTS for key in model.panes.within(series, span))
        ]

    def _judged(
        self, model: Model, check: CheckExecution, monitor: Monitor, wanted: Sequence[Threshold] = ()
    ) -> CheckExecution:
        report = self._report(model, check, monitor)
        check = replace(check, n=report.n, exact=report.exact)
        if report.n < monitor.minimum_n:
            return self._ended(check, CheckStatus.SKIPPED, _too_few(report, monitor))
        if wanted:
            report = _held_to(report, wanted, monitor)
        if report.severity is None:
            return self._ended(check, CheckStatus.SKIPPED, "nothing was checked: no measure has a value and a limit")
        failing = failing_checks(report.measures)
        level = verdict(report.severity, violated=bool(failing))
        asked = check.trigger is CheckTrigger.ON_DEMAND
        return replace(
            self._ended(check, CheckStatus.COMPLETED, None),
            alert_generated=level is not AlertLevel.NORMAL,
            alert_level=level.value,
            risk_score=report.risk_score,
            metrics=figures(report.measures, label_coverage=report.label_coverage if asked else None),
            failing=drifts_of(failing),
        )

    def _report(self, model: Model, check: CheckExecution, monitor: Monitor) -> WindowReport:
        """Report the range as a window of its own, which nothing else will hear of."""
        key = WindowKey(check.end, monitor.alert_on, check.model_version, ALL_ROWS, check.start)
        window = Window(key=key, exact=_exact(model, check), closed_by=ClosedBy.WATERMARK, completeness=1.0)
        window.govern(monitor, self.rules.terms(monitor))
        if monitor.labels and check.trigger is CheckTrigger.ON_DEMAND:  # at a point of the schedule labels are still to come
            known = model.labels.read(self.state.cursor.calm[Group.JOIN])
            window.labelled = known is not None and known >= window.labels_due
        sums = sums_of(model, window, self.rules.layout(model.model_id, monitor.monitor_version))
        judged = None
        if sums.inputs.rows >= monitor.minimum_n:
            alone = Model(model.model_id, model.panes)
            judge = Judge(State(), self.rules)
            inputs = judge.inputs(alone, window, sums)
            labels = label_measures(model.model_id, window, sums, self.rules)
            if labels and sums.in_time.rows >= monitor.minimum_n:
                labels = judge.labels(alone, window, sums, labels, inputs)
            judged = Judged(inputs, labels)
        return reported(model.model_id, window, sums, self.rules, self.place, judged=judged)

    def _ended(self, check: CheckExecution, status: CheckStatus, why: str | None) -> CheckExecution:
        took = (self.state.cursor.append_time - (check.started or 0)) / 1000
        if status is CheckStatus.SKIPPED:
            return replace(check, status=status, started=None, duration_ms=None, error_message=why)
        return replace(check, status=status, duration_ms=took, error_message=why)


def _idle(monitor: Monitor) -> str | None:
    """Why nothing is checked at all; None = it is."""
    if not monitor.check_enabled:
        return "its schedule is disabled: check.enabled is false"
    return "the monitor is paused" if monitor.paused else None


def _too_few(report: WindowReport, monitor: Monitor) -> str:
    if report.start == report.end:
        return "no pane of the counts ends between this point and the one before; use shorter granularities or a rarer schedule"
    if report.n == 0 and report.other_layout == 0:
        return f"no rows between {iso_time(report.start)} and {iso_time(report.end)} are kept"
    other = f" ({report.other_layout} more under another layout)" if report.other_layout else ""
    return f"{amount(report.n, 'row')}{other}, fewer than minimum_n = {monitor.minimum_n}: nothing was decided"


def _held_to(report: WindowReport, wanted: Sequence[Threshold], monitor: Monitor) -> WindowReport:
    """Hold the measures of a report to other limits."""
    bare = [replace(measure, limit=None, violated=False) for measure in report.measures]
    measures = thresholds.check(bare, wanted)
    scored = risk.score(measures, monitor.weights)
    severity = None if scored.severity is None else scored.severity.value
    return replace(report, measures=measures, risk_score=scored.score, severity=severity)


def _exact(model: Model, check: CheckExecution) -> bool:
    return not model.doubts and (model.doubtful_until is None or check.start > model.doubtful_until)


def _widened(model: Model, asked: Span) -> Span:
    """Return a range that cuts no pane: those that it touches count whole, which are days where they are folded."""
    touched = [pane for pane in model.panes.spans() if pane.start < asked.end and pane.end > asked.start]
    return Span(min([asked.start, *(pane.start for pane in touched)]), max([asked.end, *(pane.end for pane in touched)]))


def _notice(check: CheckExecution) -> HealthOpened | HealthCleared:
    labels = {"model_id": check.model_id}
    if check.status is not CheckStatus.FAILED:
        return HealthCleared(source="drift", subject=check.model_id, kind="check_failed", labels=labels, at=check.at)
    return HealthOpened(
        source="drift",
        subject=check.model_id,
        kind="check_failed",
        severity="MEDIUM",
        detail=check.error_message or "",
        labels=labels,
        at=check.at,
    )
