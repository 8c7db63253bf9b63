"""What the evaluator tells about itself at a sweep: monitors acknowledged, watermarks, stalled partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.drift.windows.ranges import Condition, Source
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model, State
from driftline.drift.windows.stored import model_of
from driftline.events import Group, HealthCleared, HealthOpened, Monitor, MonitorState, MonitorStatus

__all__ = ["REPORT_US", "SILENCE_US", "Notices"]

REPORT_US = 60_000_000
"""Append time between two reports of a model's watermark."""
SILENCE_US = 30_000_000
"""How long nothing at all may come from stage 1, by the clock of the process, which may differ from the broker's."""
_SOURCE = "drift"
_KIND = "stalled_partition"


@dataclass(frozen=True, slots=True)
class Notices:
    """Who speaks, for which models, and whether for the source partitions too (one partition of `profiles` does)."""

    evaluator: str
    rules: Rules
    owns: Callable[[str], bool]
    stalls: bool

    def at_sweep(
        self, state: State, sources: Mapping[Group, Sequence[Source]]
    ) -> Iterator[MonitorStatus | HealthOpened | HealthCleared]:
        """Tell what changed since the last sweep, and watermarks once a minute."""
        yield from self._acknowledged(state)
        yield from self._watermarks(state)
        if self.stalls:
            yield from self._stalled(state, self._wanted(sources))

    def in_silence(
        self, state: State, sources: Mapping[Group, Sequence[Source]], now: int, since: int
    ) -> Iterator[HealthOpened]:
        """Tell of the sources when no progress comes at all: then there are no sweeps either.

        `now` is the clock of the process, `since` when it began to listen. The next sweep clears what is heard again.
        """
        if not self.stalls or now - max(since, state.cursor.append_time) < SILENCE_US:
            return
        for source in self._wanted(sources):
            if source not in state.stalled and state.conditions([source], now)[source] is Condition.STALLED:
                yield self._stall(state, source, now)

    def _wanted(self, sources: Mapping[Group, Sequence[Source]]) -> list[Source]:
        """The sources that somebody has to speak of."""
        heard = [group for group in sources if group is Group.PROFILE or self._labels_arrive()]
        return [source for group in heard for source in sources[group]]

    def _acknowledged(self, state: State) -> Iterator[MonitorStatus]:
        at = state.cursor.append_time
        book = self.rules.book
        news: list[tuple[str, int, MonitorState, str]] = []
        for model_id in filter(self.owns, book.model_ids()):
            known = state.models.get(model_id)
            done = 0 if known is None else known.acknowledged
            news += [
                (model_id, entry.monitor.monitor_version, _state(entry.monitor), "")
                for entry in book.entries(model_id)
                if entry.append_time <= at and entry.monitor.monitor_version > done
            ]
        for refused in book.rejected():
            monitor = refused.monitor
            known = state.models.get(monitor.model_id)
            if self.owns(monitor.model_id) and monitor.monitor_version > (known.acknowledged if known else 0):
                news.append((monitor.model_id, monitor.monitor_version, MonitorState.REJECTED, refused.reason))
        for model_id, version, status, reason in sorted(news):
            model = model_of(state, model_id, self.rules.layout)
            model.acknowledged = max(model.acknowledged, version)
            model.reported, model.reported_at = model.inputs.read(state.cursor.calm[Group.PROFILE]), at
            state.save_model(model)
            yield self._status(state, model, version, status, reason)

    def _watermarks(self, state: State) -> Iterator[MonitorStatus]:
        at = state.cursor.append_time
        for _, model in sorted(state.models.items()):
            reading = model.inputs.read(state.cursor.calm[Group.PROFILE])
            if reading is None or reading == model.reported or at - model.reported_at < REPORT_US:
                continue
            model.reported, model.reported_at = reading, at
            state.save_model(model)
            monitor = self.rules.in_force(model.model_id, reading, at)
            yield self._status(state, model, monitor.monitor_version, _state(monitor), "")

    def _labels_arrive(self) -> bool:
        """Whether any model has labels: otherwise nobody needs group join."""
        book = self.rules.book
        return any(entry.monitor.labels for model_id in book.model_ids() for entry in book.entries(model_id))

    def _status(self, state: State, model: Model, version: int, status: MonitorState, reason: str) -> MonitorStatus:
        return MonitorStatus(
            model_id=model.model_id,
            monitor_version=version,
            status=status,
            reason=reason,
            watermark=model.inputs.read(state.cursor.calm[Group.PROFILE]),
            evaluator=self.evaluator,
            at=state.cursor.append_time,
        )

    def _stall(self, state: State, source: Source, at: int) -> HealthOpened:
        heard = state.heads.get(source)
        state.stalled[source] = (state.cursor.began if heard is None else heard.trusted_until) or at
        state.save_stalled()
        return HealthOpened(
            source=_SOURCE,
            subject=_subject(source),
            kind=_KIND,
            severity="HIGH",
            detail=_detail(source, never=heard is None),
            labels=_labels(source),
            at=at,
        )

    def _stalled(self, state: State, sources: Sequence[Source]) -> Iterator[HealthOpened | HealthCleared]:
        cursor = state.cursor
        for source, condition in state.conditions(sources, cursor.append_time).items():
            if condition is Condition.STALLED and source not in state.stalled:
                heard = state.heads.get(source)
                if heard is None and cursor.append_time - (cursor.began or 0) < REPORT_US // 20:
                    continue
                yield self._stall(state, source, cursor.append_time)
            elif condition is not Condition.STALLED and source in state.stalled:
                del state.stalled[source]
                state.save_stalled()
                yield HealthCleared(
                    source=_SOURCE,
                    subject=_subject(source),
                    kind=_KIND,
                    labels=_labels(source),
                    at=cursor.append_time,
                )


def _state(monitor: Monitor) -> MonitorState:
    return MonitorState.PAUSED if monitor.paused else MonitorState.ACTIVE


def _subject(source: Source) -> str:
    return f"{source.topic}[{source.partition}] as read by {source.group.value.lower()}"


def _labels(source: Source) -> dict[str, str]:
    return {"group": source.group.value.lower(), "topic": source.topic, "partition": str(source.partition)}


def _detail(source: Source, *, never: bool) -> str:
    silence = "has never reported" if never else "has stopped reporting"
    return (
        f"Stage 1 ({source.group.value.lower()}) {silence} progress of {source.topic}[{source.partition}]; windows wait "
        "for it up to max_wait. Check that an instance owns the partition and commits."
    )
