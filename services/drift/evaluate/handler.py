"""Stage 2 as a handler of the batch loop: `profiles` in; windows, drift events, states, status and health out.

Reports, events and all state go into the transaction that commits the offsets of `profiles`. A progress record that closes
many windows is spread over several transactions; the committed offset passes it with the last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftline.codec import decode, encode
from driftline.drift.windows import Counters, Evaluator, Notices, Output, Rules, key_bytes, key_of, restore, take_changes
from driftline.envelope import Envelope, deterministic_id
from driftline.errors import ConfigurationError
from driftline.events import (
    CheckExecution,
    CheckRequested,
    DriftCleared,
    DriftDetected,
    Group,
    HealthOpened,
    MonitorStatus,
    ProfileSet,
    Progress,
    StateEntry,
    WindowReport,
)
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.loop import Flush, OutRecord, Reach
from services.drift.evaluate.cache import Stamp
from services.drift.evaluate.states import States

__all__ = ["EvaluateHandler", "EvaluateTopics", "StateWithoutOffsets"]

REPORTS_PER_TRANSACTION = 500
"""At some 10 ms each: a flush stays well within the time after which a loop counts as hanging."""
BYTES_PER_TRANSACTION = 4_000_000
CACHE_EVERY_US = 10_000_000
_SOURCE = "/drift"


class StateWithoutOffsets(ConfigurationError):
    """Offsets of `profiles` and the state on `states` do not belong together; going on would count twice or not at all."""


@dataclass(frozen=True, slots=True)
class EvaluateTopics:
    """Full names of what the evaluator writes to."""

    windows: str = "driftline.windows"
    drift_events: str = "driftline.drift-events"
    monitor_status: str = "driftline.monitor-status"
    checks: str = "driftline.checks"
    health: str = "driftline.health"


@dataclass(slots=True)
class _Owned:
    """One partition of `profiles`."""

    partition: int
    evaluator: Evaluator
    since: int
    """When this process took it."""
    queue: deque[Message] = field(default_factory=deque)
    uncached: dict[bytes, bytes | None] = field(default_factory=dict)
    stamp: Stamp | None = None
    cached_at: int = 0
    whole: bool = True
    """What is uncached is everything: the cache may hold what was deleted since."""


class EvaluateHandler:
    """Evaluates the partitions of `profiles` that this instance owns."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        rules: Rules,
        states: States,
        sources: Mapping[Group, Sequence[tuple[str, int]]],
        *,
        instance: str,
        partitions: int,
        refresh: Callable[[], object],
        topics: EvaluateTopics | None = None,
        accept_gap: bool = False,
        reports_per_transaction: int = REPORTS_PER_TRANSACTION,
    ) -> None:
        """`sources`: every source partition that each group of stage 1 reads, by the topics' full names.

        `refresh` reads monitors and baselines to their end; `partitions` is the count of `profiles`.
        """
        self._rules = rules
        self._states = states
        self._sources = sources
        self._instance = instance
        self._partitions = partitions
        self._refresh = refresh
        self._topics = EvaluateTopics() if topics is None else topics
        self._accept_gap = accept_gap
        self._reports = reports_per_transaction
        self._owned: dict[TopicPartition, _Owned] = {}

    def commit_interval(self) -> float:
        """Seconds between flushes: what arrived is evaluated soon."""
        return 0.1

    def counters(self) -> Iterator[tuple[int, Counters]]:
        """What happened, by partition of `profiles`, for metrics."""
        return ((owned.partition, owned.evaluator.counters) for owned in self._owned.values())

    def evaluators(self) -> Iterator[Evaluator]:
        """The state machines, for metrics and inspection."""
        return (owned.evaluator for owned in self._owned.values())

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        """Restore the state of each partition. Raises StateWithoutOffsets, Unavailable or MalformedState."""
        self._refresh()
        for place, start in starts.items():
            self._owned[place] = self._restored(place, start, now)

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop everything of these partitions."""
        for place in partitions:
            self._owned.pop(place, None)

    def handle(self, messages: Sequence[Message], now: int) -> None:  # noqa: ARG002 - append times count, not now
        """Queue a batch; whatever governs it is known from here on."""
        if messages:
            self._refresh()
        for message in messages:
            self._owned[TopicPartition(message.topic(), message.partition())].queue.append(message)

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """Evaluate what is queued, as much as one transaction shall hold."""
        records: list[OutRecord] = []
        offsets: dict[TopicPartition, int] = {}
        for place, owned in self._owned.items():
            if place in reach:
                position = self._evaluate(owned, reach[place].end, records)
                if reach[place].caught_up and not owned.queue:
                    records += [self._out(output, now) for output in owned.evaluator.in_silence(now, owned.since)]
                changes = self._changes(owned, position, now)
                if changes:
                    offsets[place] = position
                    records += changes
        more = any(owned.queue or owned.evaluator.busy for owned in self._owned.values())
        return Flush(records, offsets, more)

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:  # noqa: ARG002 - all we had is durable
        """Write the cache, now that what it will hold is durable."""
        for owned in self._owned.values():
            if owned.stamp is not None and self._states.cache is not None:
                self._states.cache.save(owned.partition, owned.uncached.items(), owned.stamp, whole=owned.whole)
                owned.uncached, owned.stamp, owned.cached_at, owned.whole = {}, None, now, False

    def _restored(self, place: TopicPartition, start: int, now: int) -> _Owned:
        found = self._states.load(place.partition)
        state = restore(((key_of(key), body) for key, body in found.items()), self._rules.layout)
        notices = Notices(self._instance, self._rules, lambda model: self._home(model) == place.partition, place.partition == 0)
        evaluator = Evaluator(place.partition, self._sources, self._rules, state=state, notices=notices)
        expected = state.cursor.position if found else self._states.first_offset(place)
        if start != expected:
            if not self._accept_gap:
                raise StateWithoutOffsets(_mismatch(place, expected, start))
            evaluator.doubt_everything()
        if not found:
            state.save_cursor()  # the first transaction commits where reading began
        owned = _Owned(place.partition, evaluator, since=now, cached_at=now)
        owned.uncached.update(found)
        return owned

    def _home(self, model_id: str) -> int:
        return partition_for(model_id.encode(), self._partitions)

    def _evaluate(self, owned: _Owned, end: int, records: list[OutRecord]) -> int:
        """Work through the queue until a transaction is full; returns the position to commit."""
        evaluator, queue = owned.evaluator, owned.queue
        size = 0
        while (queue or evaluator.busy) and len(records) < self._reports and size < BYTES_PER_TRANSACTION:
            if not evaluator.busy:
                message = queue[0]
                evaluator.apply(_record(message), message.offset(), message.timestamp()[1] * 1000)
            at = evaluator.state.cursor.append_time
            done = [self._out(output, at) for output in evaluator.work(self._reports - len(records))]
            size += sum(len(record.value or b"") for record in done)
            records += done
            if not evaluator.busy:
                queue.popleft()
        return evaluator.position(queue[0].offset() if queue else end)

    def _changes(self, owned: _Owned, position: int, now: int) -> list[OutRecord]:
        if not owned.evaluator.state.unsaved:
            return []
        owned.evaluator.state.cursor.position = position
        owned.evaluator.state.save_cursor()
        changes = [(str(key[0]), key_bytes(key), body) for key, body in take_changes(owned.evaluator.state)]
        if self._states.cache is not None:
            owned.uncached.update((key, body) for _, key, body in changes)
            if now - owned.cached_at >= CACHE_EVERY_US:
                # Asked before this transaction: its success proves that all of it up to here is ours.
                at = owned.evaluator.state.cursor.append_time
                owned.stamp = Stamp(self._states.topic_id, self._states.stable_end(owned.partition), at)
        return [
            OutRecord(
                topic=self._states.topic,
                key=key,
                value=None if body is None else encode(StateEntry(kind=kind, body=body)),
                partition=owned.partition,
            )
            for kind, key, body in changes
        ]

    def _out(self, output: Output, at: int) -> OutRecord:
        topic, key, subject, identity = self._place(output)
        event = type(output).__name__
        actor = (output.actor or None) if isinstance(output, CheckExecution) else None
        said = Envelope(
            id=deterministic_id(event, *identity), type=event, source=_SOURCE, time_us=at, subject=subject, actor=actor
        )
        return OutRecord(topic, key.encode(), encode(output), said.headers())

    def _place(self, output: Output) -> tuple[str, str, str, tuple[str | int, ...]]:
        """Topic, key, subject and what makes the event itself, so that a repeat has the same id."""
        if isinstance(output, WindowReport):
            name = (output.model_id, output.model_version, output.slice, output.granularity, output.start)
            return self._topics.windows, "/".join(map(str, name)), output.model_id, (*name, output.revision)
        if isinstance(output, DriftDetected | DriftCleared):
            identity = (output.episode_id, output.sequence)
            return self._topics.drift_events, output.model_id, output.model_id, identity
        if isinstance(output, CheckExecution):
            return self._topics.checks, output.model_id, output.model_id, (output.check_id, output.status.value)
        if isinstance(output, MonitorStatus):
            status = (output.model_id, output.monitor_version, output.status.value, output.at)
            return self._topics.monitor_status, output.model_id, output.model_id, status
        opened = isinstance(output, HealthOpened)
        return self._topics.health, output.source, output.subject, (output.kind, output.subject, str(opened), output.at)


def _record(message: Message) -> ProfileSet | Progress | CheckRequested:
    value = message.value()
    record = decode(value or b"")
    assert isinstance(record, ProfileSet | Progress | CheckRequested)
    return record


def _mismatch(place: TopicPartition, stored: int, start: int) -> str:
    return (
        f"the state of {place.topic}[{place.partition}] belongs to offset {stored}, but reading would begin at {start}: the "
        "group's offsets were lost, moved, or retention passed them. Set the group's offset back to "
        f"{stored} (kafka-consumer-groups.sh --reset-offsets); if those records are gone, start once with DRIFTLINE_ACCEPT_GAP=true, "
        "which marks every open window as inexact."
    )
