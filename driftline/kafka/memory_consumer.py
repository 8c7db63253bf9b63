"""The consumer of the in-memory twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from driftline.kafka.configuration import StartAt
from driftline.kafka.errors import Fenced, KafkaFailure, KafkaUnavailable, OffsetOutOfRange
from driftline.kafka.memory_groups import Member, Membership
from driftline.kafka.memory_log import MemoryMessage
from driftline.kafka.memory_state import MemoryBroker
from driftline.kafka.ports import Message, RebalanceListener, TopicPartition, Watermarks

__all__ = ["MemoryConsumer"]


class MemoryConsumer:
    """Reads committed records; rebalances happen inside `consume`, a step per call."""

    def __init__(self, broker: MemoryBroker, group: str, instance_id: str | None, start_at: StartAt) -> None:
        """Join nothing yet."""
        self._broker = broker
        self._group = group
        self._instance_id = instance_id
        self._start_at = start_at
        self._topics: tuple[str, ...] = ()
        self._listener: RebalanceListener | None = None
        self._member: Member | None = None
        self._generation = -1
        self._positions: dict[TopicPartition, int | None] = {}
        self._paused: set[TopicPartition] = set()
        self._next = 0

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener | None = None) -> None:
        """Join the group at the next consume()."""
        self._topics, self._listener = tuple(topics), listener

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take partitions by hand."""
        for place in positions:
            self._broker.log(place)
        self._positions = dict(positions)

    def assignment(self) -> list[TopicPartition]:
        """Return what is assigned now, sorted."""
        return sorted(self._positions)

    def consume(self, max_messages: int, timeout_seconds: float) -> list[Message]:  # noqa: ARG002  the twin never waits
        """Take one step of a rebalance if there is one, else return what is there."""
        with self._broker.lock:
            fault = self._broker.fault("consume")
            if fault is not None:
                raise fault.error
            if not self._broker.available:
                return []
            if self._topics and not self._settled():
                return []
            found: list[MemoryMessage] = []
            places = sorted(self._positions)
            for step in range(len(places)):
                place = places[(self._next + step) % len(places)]
                found += self._read(place, max_messages - len(found))
            self._next += 1
        return list(found)

    def positions(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offsets of partitions whose beginning is known."""
        found = {place: self._positions.get(place) for place in partitions}
        return {place: offset for place, offset in found.items() if offset is not None}

    def committed(
        self,
        partitions: Iterable[TopicPartition],
        timeout_seconds: float = 10.0,  # noqa: ARG002
    ) -> dict[TopicPartition, int | None]:
        """Return the committed offsets; raises KafkaUnavailable while a transaction on them is open."""
        with self._broker.lock:
            self._broker.reach()
            group = self._broker.group(self._group)
            wanted = list(partitions)
            if any(place in offsets for _, offsets in group.pending for place in wanted):
                raise KafkaUnavailable("UNSTABLE_OFFSET_COMMIT: a transaction on these offsets is open")
            return {place: group.committed.get(place) for place in wanted}

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction."""
        with self._broker.lock:
            self._broker.reach()
            group = self._broker.group(self._group)
            group.check(self._membership())
            group.committed.update(offsets)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue an assigned partition elsewhere."""
        if partition not in self._positions:
            raise KafkaFailure(f"{partition} is not assigned")
        self._positions[partition] = offset

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Give nothing from these until resumed."""
        self._paused |= set(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Give again."""
        self._paused -= set(partitions)

    def watermarks(self, partition: TopicPartition, timeout_seconds: float = 10.0) -> Watermarks:  # noqa: ARG002
        """Return the three borders."""
        self._broker.reach()
        log = self._broker.log(partition)
        return Watermarks(low=log.low, stable=log.stable, end=log.end)

    def ends(
        self,
        partitions: Iterable[TopicPartition],
        timeout_seconds: float = 10.0,  # noqa: ARG002
    ) -> dict[TopicPartition, int]:
        """Return the uncommitted high-water marks."""
        self._broker.reach()
        return {place: self._broker.log(place).end for place in partitions}

    def offsets_for_times(
        self,
        times_ms: Mapping[TopicPartition, int],
        timeout_seconds: float = 10.0,  # noqa: ARG002
    ) -> dict[TopicPartition, int]:
        """Return the first offset at or after each time, else the last stable offset."""
        self._broker.reach()
        return {place: self._broker.log(place).first_at(ms) for place, ms in times_ms.items()}

    def group_metadata(self) -> Membership:
        """Return the present membership."""
        return self._membership()

    def close(self) -> None:
        """Revoke, then leave; a static member keeps its place until its session ends."""
        with self._broker.lock:
            self._give_up()
            if self._member is not None:
                self._broker.group(self._group).leave(self._member)
                self._member = None
            self._positions = {}

    def crash(self) -> None:
        """End as by SIGKILL: no callback, no goodbye; the member is dead to its heartbeats."""
        if self._member is not None:
            self._member.dead = True

    def _membership(self) -> Membership:
        if self._member is None:
            return Membership(self._group)
        return Membership(self._group, self._generation, self._member.member_id, self._instance_id)

    def _settled(self) -> bool:
        """Take one step towards a complete assignment; True when records may be read."""
        group = self._broker.group(self._group)
        group.expire(self._broker.now_ms())
        if self._member is None:
            self._member = group.join(self._instance_id, self._topics, self._broker.now_ms())
        member = self._member
        if member.member_id in group.fenced:
            self._lose()
            raise Fenced(f"{self._instance_id}: another instance has this group.instance.id")
        if member.member_id not in group.members:
            self._lose()
            self._member = None
            return False
        member.last_seen_ms = self._broker.now_ms()
        if group.rebalancing and not member.joined:
            self._give_up()
            member.joined = True
        group.try_complete(self._broker.partition_counts())
        if group.rebalancing:
            return False
        if self._generation != group.generation or set(self._positions) != set(member.assignment):
            self._take(member.assignment, group.generation)
        return self._start_unknown()

    def _take(self, places: Sequence[TopicPartition], generation: int) -> None:
        self._generation = generation
        self._positions = dict.fromkeys(places)
        self._paused.clear()
        starts = self._listener.on_assign(list(places)) if self._listener is not None else None
        self._positions.update({p: o for p, o in (starts or {}).items() if p in self._positions})

    def _give_up(self) -> None:
        if self._positions and self._listener is not None:
            self._listener.on_revoke(sorted(self._positions))
        self._positions = {}

    def _lose(self) -> None:
        if self._positions and self._listener is not None:
            self._listener.on_lost(sorted(self._positions))
        self._positions = {}

    def _start_unknown(self) -> bool:
        """Begin partitions without a position at the committed offset; False while that is unstable."""
        unknown = [place for place, offset in self._positions.items() if offset is None]
        if not unknown:
            return True
        try:
            committed = self.committed(unknown)
        except KafkaUnavailable:
            return False
        for place, offset in committed.items():
            self._positions[place] = self._reset(place) if offset is None else offset
        return True

    def _reset(self, place: TopicPartition) -> int:
        log = self._broker.log(place)
        if self._start_at is StartAt.STOP:
            raise OffsetOutOfRange(f"{place.topic}[{place.partition}] has no position in {log.low}..{log.end}")
        return log.low if self._start_at is StartAt.EARLIEST else log.stable

    def _read(self, place: TopicPartition, limit: int) -> list[MemoryMessage]:
        position = self._positions[place]
        if position is None or place in self._paused or limit <= 0:
            return []
        log = self._broker.log(place)
        if not log.low <= position <= log.end:
            position = self._reset(place)
        found, self._positions[place] = log.read(position, limit)
        return found
