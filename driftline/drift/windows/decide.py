"""The two decisions on a window, its revisions and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftline.drift import episodes
from driftline.drift.detectors.series import LABEL_CHANGES
from driftline.drift.episodes import EpisodeKey
from driftline.drift.fairness import OF_OUTCOMES
from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows import business, clock
from driftline.drift.windows.judging import Judge
from driftline.drift.windows.ranges import Source
from driftline.drift.windows.references import of_comparison
from driftline.drift.windows.report import Judged, Place, Sums, input_measures, label_measures, reported, sums_of
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model, Side, State
from driftline.drift.windows.watching import Watch
from driftline.drift.windows.window import Window, WindowKey
from driftline.events import (
    ClosedBy,
    Decision,
    DriftCleared,
    DriftDetected,
    Group,
    Measure,
    Monitor,
    Reference,
    WindowReport,
)

__all__ = ["Decider", "governing", "settled"]

LABEL_FAMILIES = frozenset({"performance", "label", OF_OUTCOMES, business.OUTCOME}) | LABEL_CHANGES
"""Kinds that are decided at label close; the others at data close."""
Told = WindowReport | DriftDetected | DriftCleared


def governing(model: Model, rules: Rules, state: State) -> Monitor:
    """Return the monitor in force at a model's clock: what it waits for, and whom it alerts."""
    reading = model.inputs.read(state.cursor.calm[Group.PROFILE])
    if reading is None:
        reading = min((seen.event_time for seen in model.seen.values()), default=0)
    return rules.in_force(model.model_id, reading, state.cursor.append_time)


def settled(model: Model, state: State, *, labels: bool) -> int | None:
    """Return the clock that decides what can still change: both clocks where labels arrive."""
    inputs = model.inputs.read(state.cursor.calm[Group.PROFILE])
    if not labels:
        return inputs
    known = model.labels.read(state.cursor.calm[Group.JOIN])
    return None if inputs is None or known is None else min(inputs, known)


def lives(key: EpisodeKey, monitor: Monitor, checked: frozenset[str]) -> bool:
    """Whether a monitor version still checks what an episode is about; `checked` are the families that it decides on."""
    return (
        not monitor.paused
        and key.kind in checked
        and key.granularity in monitor.granularities
        and key.model_version not in monitor.retired_versions
        and (key.reference is Reference.BASELINE or _compares(monitor, key))
    )


def _compares(monitor: Monitor, key: EpisodeKey) -> bool:
    return any(each.reference is key.reference and key.granularity in each.granularities for each in monitor.references)


def alerts(key: EpisodeKey, monitor: Monitor) -> bool:
    """Whether people are told of an episode: of all rows, over one granularity; one cause is one notification."""
    return key.granularity == monitor.alert_on and key.slice == ALL_ROWS


@dataclass(frozen=True, slots=True)
class Decider:
    """Everything that is due at one progress record, in the order in which it has to be decided."""

    state: State
    rules: Rules
    sources: dict[Group, tuple[Source, ...]]
    place: Place

    @property
    def _judge(self) -> Judge:
        return Judge(self.state, self.rules)

    @property
    def _watch(self) -> Watch:
        return Watch(self.state, self.rules)

    def due(self, model: Model, monitor: Monitor) -> Iterator[list[Told]]:
        """Do what is due for a model that a monitor governs, one window at a time; what was done is not due again.

        A change of the monitor supersedes episodes at its place among the windows, not when it happens to be seen: before
        the first window that it governs, on the timeline of data closes and on that of label closes.
        """
        for key in self._closing(model, monitor):
            yield self._superseded(model, self._at_end(model, key), labels=False)
            yield self._close_inputs(model, model.windows[key], monitor)
        if self._reading(model, Group.PROFILE) is not None:  # before it has a time, no version has taken over
            yield self._superseded(model, monitor, labels=False)
        for key in self._closing_labels(model, monitor):
            own = self.rules.monitor(model.model_id, model.windows[key].monitor_version)
            yield self._superseded(model, own, labels=True)
            yield self._close_labels(model, model.windows[key], monitor)
        if model.governed_labels < monitor.monitor_version:
            yield self._superseded(model, self._governing_labels(model, monitor), labels=True)
        for key in self._ended(model):
            yield self._end(model, model.windows[key])
        for key in self._changed(model):
            yield self._revise(model, model.windows[key])

    def _at_end(self, model: Model, key: WindowKey) -> Monitor:
        return self.rules.in_force(model.model_id, key.end - 1, self.state.cursor.append_time)

    def _governing_labels(self, model: Model, monitor: Monitor) -> Monitor | None:
        """Return the version in force where label closes have arrived: group join may be ahead of data closes."""
        inputs, labels = self._reading(model, Group.PROFILE), self._reading(model, Group.JOIN)
        if inputs is None or labels is None:
            return None
        reached = min(inputs, labels - monitor.label_delay_us)
        return self.rules.in_force(model.model_id, reached, self.state.cursor.append_time)

    def _reading(self, model: Model, group: Group) -> int | None:
        chosen = model.inputs if group is Group.PROFILE else model.labels
        return chosen.read(self.state.cursor.calm[group])

    def _superseded(self, model: Model, monitor: Monitor | None, *, labels: bool) -> list[Told]:
        """End the episodes of one timeline that a newer monitor version does not know."""
        side = "governed_labels" if labels else "governed"
        if monitor is None or monitor.monitor_version <= getattr(model, side):
            return []
        setattr(model, side, monitor.monitor_version)
        self.state.save_model(model)
        told: list[Told] = []
        self._forget_pasts(model, monitor, Side.LABELS if labels else Side.INPUTS)
        self._watch.forget(model, monitor, labels=labels)
        slices, checked = self.rules.slices(monitor), self.rules.checked(monitor)
        for key, episode in sorted(model.episodes.items()):
            stays = lives(key, monitor, checked) and key.slice in slices and episode.alert == alerts(key, monitor)
            if (key.kind in LABEL_FAMILIES) is labels and not stays:
                del model.episodes[key]
                self.state.save_episode(model, key)
                told.append(episodes.supersede(episode, key, model.model_id))
        return told

    def _forget_pasts(self, model: Model, monitor: Monitor, side: Side) -> None:
        """Let go of series that a newer monitor version does not know, at its place among the windows too."""
        slices = self.rules.slices(monitor)
        for key in sorted({*model.pasts, *model.metered}):
            version, slice_name, granularity, own = key
            retired = version in monitor.retired_versions
            if own is side and (retired or granularity not in monitor.granularities or slice_name not in slices):
                if model.pasts.pop(key, None) is not None:
                    self.state.save_past(model, key)
                if model.metered.pop(key, None) is not None:
                    self.state.save_metered(model, key)

    def _closing(self, model: Model, monitor: Monitor) -> list[WindowKey]:
        reading = self._reading(model, Group.PROFILE)
        return sorted(
            key
            for key, window in model.windows.items()
            if window.closed_by is None
            and ((reading is not None and reading >= key.end) or self._waited(window.waiting, monitor))
        )

    def _closing_labels(self, model: Model, monitor: Monitor) -> list[WindowKey]:
        reading = self._reading(model, Group.JOIN)
        return sorted(
            key
            for key, window in model.windows.items()
            if window.closed_by is not None
            and not window.labelled
            and ((reading is not None and reading >= window.labels_due) or self._waited(window.waiting_labels, monitor))
        )

    def _waited(self, since: int | None, monitor: Monitor) -> bool:
        return since is not None and self.state.cursor.swept - since >= monitor.max_wait_us

    def _changed(self, model: Model) -> list[WindowKey]:
        found = []
        for key, window in model.windows.items():
            if window.changed and window.closed_by is not None:
                reading = self._clock(model, window)
                if window.revision == 0 or (reading is not None and reading >= window.revise_at):
                    found.append(key)
        return sorted(found)

    def _ended(self, model: Model) -> list[WindowKey]:
        found = []
        inputs, both = self._reading(model, Group.PROFILE), settled(model, self.state, labels=True)
        for key, window in model.windows.items():
            if window.closed_by is not None and window.labelled:
                labels = self.rules.monitor(model.model_id, window.monitor_version).labels
                reading = both if labels else inputs
                if reading is not None and reading >= window.final_at:
                    found.append(key)
        return sorted(found)

    def _clock(self, model: Model, window: Window) -> int | None:
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        return self._reading(model, Group.JOIN if monitor.labels else Group.PROFILE)

    def _close_inputs(self, model: Model, window: Window, governed: Monitor) -> list[Told]:
        key = window.key
        monitor = self._at_end(model, key)
        if key.granularity not in monitor.granularities:
            self._forget(model, window)
            return []
        window.govern(monitor, self.rules.terms(monitor))
        window.labelled = not monitor.labels
        window.closed_by, window.completeness = self._reached(model, Group.PROFILE, key.end, governed)
        sums = self._sums(model, window)
        decides = self._decides(window, monitor, sums.inputs.rows)
        if not decides:
            return [self._publish(model, window, sums)]
        inputs = (*self._judge.inputs(model, window, sums), *self._watch.inputs(model, window, sums))
        self._judge.past(model, window, sums)
        report = self._publish(model, window, sums, Decision.INPUTS, judged=Judged(inputs))
        told: list[Told] = [report, *self._episodes(model, report, inputs, Side.INPUTS)]
        for found in report.comparisons:
            against = of_comparison(report, found, monitor)
            told += self._episodes(model, against, found.measures, Side.INPUTS, found.reference)
        return told

    def _close_labels(self, model: Model, window: Window, governed: Monitor) -> list[Told]:
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        closed_by, completeness = self._reached(model, Group.JOIN, window.labels_due, governed)
        window.labelled = True
        window.completeness = min(window.completeness, completeness)
        window.closed_by = max(window.closed_by or closed_by, closed_by, key=_DOUBT.index)
        sums = self._sums(model, window)
        decides = self._decides(window, monitor, min(sums.in_time.rows, sums.inputs.rows))
        inputs: Sequence[Measure] | None = None
        if decides:
            self._judge.hold(model, window, Side.LABELS)
        labels = label_measures(model.model_id, window, sums, self.rules)
        if decides:
            labels = (*labels, *self._watch.labels(model, window, labels))
            inputs = input_measures(model.model_id, window, sums, self.rules)
            labels = self._judge.labels(model, window, sums, labels, inputs)
        decision = Decision.PERFORMANCE if decides else Decision.NONE
        report = self._publish(model, window, sums, decision, judged=Judged(inputs, labels))
        return [report, *(self._episodes(model, report, labels, Side.LABELS) if decides else ())]

    def _revise(self, model: Model, window: Window) -> list[Told]:
        return [self._publish(model, window, self._sums(model, window))]

    def _end(self, model: Model, window: Window) -> list[Told]:
        report = self._publish(model, window, self._sums(model, window), final=True)
        self._forget(model, window)
        return [report]

    def _forget(self, model: Model, window: Window) -> None:
        del model.windows[window.key]
        self.state.save_window(model, window.key)

    def _sums(self, model: Model, window: Window) -> Sums:
        return sums_of(model, window, self.rules.layout(model.model_id, window.monitor_version))

    def _publish(
        self,
        model: Model,
        window: Window,
        sums: Sums,
        decision: Decision = Decision.NONE,
        *,
        final: bool = False,
        judged: Judged | None = None,
    ) -> WindowReport:
        report = reported(
            model.model_id,
            window,
            sums,
            self.rules,
            self.place,
            decision=decision,
            final=final,
            judged=judged,
        )
        window.revision = report.revision
        window.changed = False
        self.state.save_window(model, window.key)
        return report

    def _reached(self, model: Model, group: Group, time: int, governed: Monitor) -> tuple[ClosedBy, float]:
        """What let a window close, and how complete it is: sources past the time, or idle with nothing left to read."""
        at = self.state.cursor.append_time
        sources = self.sources[group]
        out = clock.left_out(
            self.state.conditions(sources, at),
            model.seen,
            since=model.since,
            at=at,
            idle_timeout=governed.idle_timeout_us,
        )
        by_events, ready, every = clock.past(time, sources, model.seen, out=out, lateness=governed.lateness_us)
        if by_events == every:
            return ClosedBy.WATERMARK, 1.0
        reading = self._reading(model, group)
        why = ClosedBy.IDLE if reading is not None and reading >= time else ClosedBy.MAX_WAIT
        return why, ready / every

    def _decides(self, window: Window, monitor: Monitor, n: int) -> bool:
        retired = window.key.model_version in monitor.retired_versions
        return n >= monitor.minimum_n and not (window.late or monitor.paused or retired)

    def _episodes(
        self,
        model: Model,
        report: WindowReport,
        measures: Sequence[Measure],
        side: Side,
        reference: Reference = Reference.BASELINE,
    ) -> Iterator[Told]:
        """Follow one episode per family that was decided on; a version that has taken over since has its say."""
        governed = model.governed_labels if side is Side.LABELS else model.governed
        monitor = self.rules.monitor(model.model_id, max(governed, report.monitor_version))
        checked = self.rules.checked(monitor)
        for family in sorted({measure.family for measure in measures}):
            kind = business.kind_of(family, side)
            key = EpisodeKey(report.model_version, report.slice, report.granularity, kind, reference)
            if not (lives(key, monitor, checked) and key.slice in self.rules.slices(monitor)):
                continue
            checks = [measure for measure in measures if measure.family == family]
            before = model.episodes.get(key)
            tested = bool(report.levels)
            after, told = episodes.follow(before, key, report, checks, alert=alerts(key, monitor), tested=tested)
            if after != before:
                if after is None:
                    del model.episodes[key]
                else:
                    model.episodes[key] = after
                self.state.save_episode(model, key)
            if told is not None:
                yield told


_DOUBT = (ClosedBy.WATERMARK, ClosedBy.IDLE, ClosedBy.MAX_WAIT, ClosedBy.LATE)
"""From the surest reason for closing to the least sure."""
