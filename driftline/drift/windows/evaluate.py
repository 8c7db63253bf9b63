"""Stage 2 for one partition of `profiles`: records in offset order in, window reports and drift events out.

Nothing is decided but at a progress record. `apply` takes a record into the state; `work` then does what became due, in
portions, so that one progress record may be evaluated over several transactions. What `work` has not done yet is found
again from the state alone: after a restart the same record is read again, not applied again, and the rest is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows import clock, ranges, republish
from driftline.drift.windows.calendar import Span
from driftline.drift.windows.checks import Checker
from driftline.drift.windows.clock import Seen
from driftline.drift.windows.decide import Decider, governing, settled
from driftline.drift.windows.housekeeping import home_of, keep_house
from driftline.drift.windows.notices import Notices
from driftline.drift.windows.panes import PaneKey, Series
from driftline.drift.windows.points import Points
from driftline.drift.windows.ranges import Source, Verdict
from driftline.drift.windows.report import Place
from driftline.drift.windows.republish import Life
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model, State
from driftline.drift.windows.stored import model_of
from driftline.drift.windows.window import Window, WindowKey
from driftline.events import (
    CheckExecution,
    CheckRequested,
    CheckStatus,
    ClosedBy,
    DriftCleared,
    DriftDetected,
    Group,
    HealthCleared,
    HealthOpened,
    Monitor,
    MonitorStatus,
    PaneProfile,
    ProfileSet,
    Progress,
    SourceRange,
    WindowReport,
)

__all__ = ["SWEEP_US", "Counters", "Evaluator", "Output"]

SWEEP_US = 1_000_000
"""Append time between two looks at models that nothing happened to."""
HOUSEKEEPING_US = 6 * 3_600_000_000
"""Event time between two looks at where panes belong: they move once in their life, days after they came, and may be late."""

Output = WindowReport | DriftDetected | DriftCleared | CheckExecution | MonitorStatus | HealthOpened | HealthCleared
_Writer = tuple[Group, str]
_NEVER = -(2**63)


@dataclass(slots=True)
class Counters:
    """What happened since the start, for metrics."""

    profile_sets: int = 0
    progress: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    lost_sets: int = 0
    """Profile sets that progress spoke of and nobody saw, or the other way round."""
    late_after_final: int = 0
    reports: dict[tuple[str, str], int] = field(default_factory=dict)
    """WindowReports by decision and closed_by."""
    inexact: int = 0
    """WindowReports that say exact=false."""
    drift: dict[tuple[str, str], int] = field(default_factory=dict)
    """Drift events by name and kind."""
    checks: dict[tuple[str, str], int] = field(default_factory=dict)
    """Checks that ended, by trigger and status."""
    check_alerts: int = 0
    """Those of them that generated an alert."""
    check_wait_us: int = 0
    """Append time from their beginning to their end, added up."""

    def count(self, output: Output) -> None:
        """Note what was told."""
        if isinstance(output, WindowReport):
            report = (output.decision.value, output.closed_by.value)
            self.reports[report] = self.reports.get(report, 0) + 1
            self.inexact += not output.exact
        elif isinstance(output, DriftDetected | DriftCleared):
            event = (type(output).__name__, output.kind)
            self.drift[event] = self.drift.get(event, 0) + 1
        elif isinstance(output, CheckExecution) and output.status is not CheckStatus.RUNNING:
            check = (output.trigger.value, output.status.value)
            self.checks[check] = self.checks.get(check, 0) + 1
            self.check_alerts += output.alert_generated
            self.check_wait_us += round((output.duration_ms or 0) * 1000)


class Evaluator:
    """The state machine. Not thread-safe; every input is an argument, append times included."""

    def __init__(
        self,
        partition: int,
        sources: Mapping[Group, Sequence[tuple[str, int]]],
        rules: Rules,
        *,
        state: State | None = None,
        notices: Notices | None = None,
    ) -> None:
        """`sources`: all source partitions that each group of stage 1 reads, fixed for life."""
        self.partition = partition
        self.state = State() if state is None else state
        self.counters = Counters()
        self._rules = rules
        self._notices = notices
        self._sources = {
            group: tuple(Source(group, topic, number) for topic, number in of_group) for group, of_group in sources.items()
        }
        self._pending: dict[_Writer, list[tuple[int, ProfileSet]]] = {}
        self._requests: list[tuple[int, CheckRequested]] = []
        self._points = Points(rules)
        self._due: Iterator[Sequence[Output]] | None = None
        self._kept: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether work of the last progress record is left; no further record may be applied."""
        return self._due is not None

    def position(self, next_offset: int) -> int:
        """Return the offset to commit when everything before `next_offset` was applied.

        The profile sets of a transaction count with its progress; until that comes they are read again after a restart. What
        was asked for waits for the next progress as well.
        """
        waiting = [sets[0][0] for sets in self._pending.values()] + [offset for offset, _ in self._requests[:1]]
        return min(waiting, default=next_offset)

    def apply(self, record: ProfileSet | Progress | CheckRequested, offset: int, append_time: int) -> None:
        """Take in the next record of the partition. Raises UnknownMonitor or MalformedProfile: stop, repair, restart."""
        assert not self.busy
        if isinstance(record, ProfileSet):
            self._pending.setdefault((record.group, record.writer), []).append((offset, record))
            return
        if isinstance(record, CheckRequested):
            if offset >= self.state.cursor.applied:  # otherwise a progress record has taken it already
                self._requests.append((offset, record))
            return
        sets = [found for _, found in self._pending.pop((record.group, record.writer), [])]
        cursor = self.state.cursor
        if offset < cursor.applied:
            if cursor.evaluating and offset == cursor.applied - 1:
                self._due = self._everything(sorted(self.state.models), offset, swept=False)
            return
        at = max(append_time, cursor.append_time)
        cursor.applied, cursor.append_time, cursor.evaluating = offset + 1, at, True
        swept = self._sweep(at)
        touched = self._progress(record, sets, at) | self._asked()
        models = sorted(self.state.models if swept else touched)
        self._advance(models)
        self.state.save_cursor()
        self._due = self._everything(models, offset, swept=swept)

    def work(self, reports: int) -> list[Output]:
        """Do what is due, up to about so many outputs; `busy` tells whether something is left."""
        done: list[Output] = []
        while self._due is not None and len(done) < reports:
            portion = next(self._due, None)
            if portion is None:
                self._due = None
                self.state.cursor.evaluating = False
                self.state.save_cursor()
            else:
                done += portion
        for output in done:
            self.counters.count(output)
        return done

    def in_silence(self, now: int, since: int) -> list[Output]:
        """What to tell when everything was applied and nothing more comes; times as `Notices.in_silence` takes them."""
        if self._notices is None or self.busy:
            return []
        return list(self._notices.in_silence(self.state, self._sources, now, since))

    def doubt_everything(self) -> None:
        """Mark every window as inexact: records of this partition were lost and somebody accepted it."""
        self._doubt(frozenset(source for group in self._sources.values() for source in group))

    def _everything(self, models: Iterable[str], offset: int, *, swept: bool) -> Iterator[Sequence[Output]]:
        decider = Decider(self.state, self._rules, self._sources, Place(self.partition, offset))
        checker = Checker(self.state, self._rules, Place(self.partition, offset), self._points)
        for model_id in models:
            model = self.state.models[model_id]
            yield from checker.answers(model)
            if model.seen:
                monitor = governing(model, self._rules, self.state)
                yield from decider.due(model, monitor)
                yield from checker.scheduled(model)
                self._keep_house(model, monitor)
        if swept and self._notices is not None:
            yield list(self._notices.at_sweep(self.state, self._sources))

    def _progress(self, progress: Progress, sets: Sequence[ProfileSet], at: int) -> set[str]:
        """Judge the ranges, count the sets; returns the models that were counted."""
        self.counters.progress += 1
        verdicts = {found: self._judge(progress.group, found) for found in progress.ranges}
        repeated = [v is Verdict.DUPLICATE for found, v in verdicts.items() if found.to_offset > found.from_offset]
        doubted = {found for found, verdict in verdicts.items() if verdict in ranges.INEXACT}
        discard = bool(repeated) and all(repeated)
        if any(repeated) and not discard:
            doubted.update(found for found, verdict in verdicts.items() if verdict is Verdict.DUPLICATE)
        if len(sets) != progress.profile_sets:
            self.counters.lost_sets += abs(len(sets) - progress.profile_sets)
            doubted.update(progress.ranges)
        for found, verdict in verdicts.items():
            self.counters.verdicts[verdict] += 1
            if verdict is not Verdict.DUPLICATE:
                self.state.heads[_source(progress.group, found)] = ranges.follow(found, at, progress.commit_interval_us)
        self.state.save_heads(progress.group)
        if doubted:
            self._doubt(frozenset(_source(progress.group, found) for found in doubted))
        if discard:
            return set()
        return {self._count(found, at).model_id for found in sets}

    def _asked(self) -> set[str]:
        """Take over what was asked for; returns the models concerned."""
        for _, request in self._requests:
            model = model_of(self.state, request.model_id, self._rules.layout)
            model.requests[request.request_id] = request
            self.state.save_model(model)
        models = {request.model_id for _, request in self._requests}
        self._requests.clear()
        return models

    def _judge(self, group: Group, found: SourceRange) -> Verdict:
        return ranges.judge(self.state.heads.get(_source(group, found)), found)

    def _sweep(self, at: int) -> bool:
        """Whether it is time to look at every model; lets calm time pass, as far as it is known to have been calm."""
        cursor = self.state.cursor
        if cursor.began is not None and at - cursor.swept < SWEEP_US:
            return False
        cursor.began = at if cursor.began is None else cursor.began
        for group, until in cursor.calm_until.items():
            cursor.calm[group] += max(0, min(at, until) - cursor.swept)
        cursor.swept = at
        return True

    def _count(self, found: ProfileSet, at: int) -> Model:
        """Add the counts of one set, and touch the windows that they belong to."""
        self.counters.profile_sets += 1
        model = model_of(self.state, found.model_id, self._rules.layout)
        model.since = model.since or at
        monitor = self._rules.monitor(found.model_id, found.monitor_version)
        reading = settled(model, self.state, labels=monitor.labels)
        for pane in found.panes:
            self._add(model, found, pane, monitor, reading)
        for time in found.times:
            self._see(model, Source(found.group, time.topic, time.partition), time.event_time, monitor, at)
        self.state.save_model(model)
        return model

    def _add(self, model: Model, found: ProfileSet, pane: PaneProfile, monitor: Monitor, reading: int | None) -> None:
        layout = self._rules.layout(found.model_id, found.monitor_version)
        series = Series(found.model_version, pane.slice)
        span = Span(pane.pane, pane.pane + layout.pane_us)
        life = republish.life_of(self._rules.terms(monitor), pane.pane)
        home = home_of(span, self._rules.terms(monitor), reading)
        if home is None:
            if pane.slice == ALL_ROWS:  # a row is one row, whatever slices it is counted in
                model.late_after_final += _touched(pane)
                self.counters.late_after_final += _touched(pane)
            return
        key = PaneKey(home.start, home.end, pane.part, found.layout)
        model.panes.count(series, key, pane, found.monitor_version)
        self.state.save_pane(model, series, key)
        late = self._touch_all(model, series, pane, monitor=monitor, life=life, reading=reading)
        self.counters.late_after_final += late if pane.slice == ALL_ROWS else 0

    def _touch_all(
        self, model: Model, series: Series, pane: PaneProfile, *, monitor: Monitor, life: Life, reading: int | None
    ) -> int:
        """Touch every window of a pane; rows that a finer window is too old for are noted in the coarser ones."""
        windows, late = [], 0
        for granularity, span, final_at in life.windows:
            if reading is not None and reading >= final_at:
                late = _touched(pane)
            else:
                key = WindowKey(span.end, granularity, *series, span.start)
                windows.append(self._touch(model, key, monitor))
        if late:
            for window in windows:
                window.late_after_final += late
                self.state.save_window(model, window.key)
        return late

    def _touch(self, model: Model, key: WindowKey, monitor: Monitor) -> Window:
        window = model.windows.get(key)
        if window is None:
            window = model.windows[key] = self._first_touch(model, key)
            self.state.save_window(model, key)
        elif window.closed_by is not None and not window.changed:
            chosen, group = (model.labels, Group.JOIN) if monitor.labels else (model.inputs, Group.PROFILE)
            pane = self._rules.layout(model.model_id, monitor.monitor_version).pane_us
            window.changed = True
            window.revise_at = republish.next_revision(key.end, pane, chosen.read(self.state.cursor.calm[group]))
            self.state.save_window(model, key)
        return window

    def _first_touch(self, model: Model, key: WindowKey) -> Window:
        doubtful = bool(model.doubts) or (model.doubtful_until is not None and key.start <= model.doubtful_until)
        window = Window(key=key, exact=not doubtful)
        reading = model.inputs.read(self.state.cursor.calm[Group.PROFILE])
        if reading is not None and reading >= key.end:
            in_force = self._rules.in_force(model.model_id, key.end - 1, self.state.cursor.append_time)
            window.closed_by, window.labelled, window.changed = ClosedBy.LATE, True, True
            window.govern(in_force, self._rules.terms(in_force))
            window.completeness = 1.0
        return window

    def _see(self, model: Model, source: Source, event_time: int, monitor: Monitor, at: int) -> None:
        known = model.seen.get(source)
        latest = event_time if known is None else max(event_time, known.event_time)
        model.seen[source] = Seen(latest, at)
        if source in model.doubts:
            model.doubts -= {source}
            until = latest + monitor.lateness_us
            model.doubtful_until = until if model.doubtful_until is None else max(until, model.doubtful_until)

    def _doubt(self, sources: frozenset[Source]) -> None:
        """Rows of these sources are lost or counted twice: nothing that can still change is exact."""
        for model in self.state.models.values():
            model.doubts |= sources
            self.state.save_model(model)
            for key, window in model.windows.items():
                window.exact = False
                window.changed = window.changed or window.closed_by is not None
                self.state.save_window(model, key)

    def _advance(self, models: Iterable[str]) -> None:
        """Move the clocks of models, and start the waits of windows that a source has passed."""
        cursor = self.state.cursor
        for group, sources in self._sources.items():
            heads = [self.state.heads.get(source) for source in sources]
            known = [head for head in heads if head is not None and head.caught_up]
            calm = len(known) == len(heads) and bool(heads)
            if cursor.swept == cursor.append_time:
                cursor.calm_until.pop(group, None)
                if calm:
                    cursor.calm_until[group] = min(head.trusted_until for head in known)
        for model_id in models:
            model = self.state.models[model_id]
            if model.seen:
                self._advance_model(model)

    def _advance_model(self, model: Model) -> None:
        monitor = governing(model, self._rules, self.state)
        inputs = self._clock(model, Group.PROFILE, model.inputs, monitor)
        labels = self._clock(model, Group.JOIN, model.labels, monitor) if monitor.labels else model.labels
        if (inputs, labels) != (model.inputs, model.labels):
            model.inputs, model.labels = inputs, labels
            self.state.save_model(model)
        self._start_waits(model, monitor)

    def _clock(self, model: Model, group: Group, before: clock.Clock, monitor: Monitor) -> clock.Clock:
        sources = self._sources.get(group, ())
        seen = {source: model.seen[source] for source in sources if source in model.seen}
        if not seen:
            return before
        at = self.state.cursor.append_time
        out = clock.left_out(
            self.state.conditions(sources, at),
            seen,
            since=model.since,
            at=at,
            idle_timeout=monitor.idle_timeout_us,
        )
        calm = self.state.cursor.calm[group]
        return clock.advance(before, sources, seen, out=out, lateness=monitor.lateness_us, calm=calm)

    def _start_waits(self, model: Model, monitor: Monitor) -> None:
        at = self.state.cursor.append_time
        furthest: dict[Group, int] = {}
        for source, seen in model.seen.items():
            furthest[source.group] = max(seen.event_time, furthest.get(source.group, seen.event_time))
        inputs = furthest.get(Group.PROFILE, _NEVER) - monitor.lateness_us
        labels = furthest.get(Group.JOIN, _NEVER) - monitor.lateness_us
        for key, window in model.windows.items():
            if window.closed_by is None and window.waiting is None and inputs >= key.end:
                window.waiting = at
            elif window.closed_by is not None and window.waits_for_labels and labels >= window.labels_due:
                window.waiting_labels = at
            else:
                continue
            self.state.save_window(model, key)

    def _keep_house(self, model: Model, monitor: Monitor) -> None:
        reading = settled(model, self.state, labels=monitor.labels)
        if reading is None:
            return
        step = max(HOUSEKEEPING_US, self._rules.layout(model.model_id, monitor.monitor_version).pane_us)
        if reading // step != self._kept.get(model.model_id):
            self._kept[model.model_id] = reading // step
            keep_house(self.state, model, self._rules.terms(monitor), reading)


def _touched(pane: PaneProfile) -> int:
    """Rows or pairs that counts speak of, at least: changed labels may come to no pair more and none less."""
    return abs(pane.rows) or 1


def _source(group: Group, found: SourceRange) -> Source:
    return Source(group, found.topic, found.partition)
