"""Consumer groups of the in-memory twin: generations, static members, eager rebalances by range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from driftline.kafka.errors import Fenced, StaleGeneration
from driftline.kafka.memory_log import Transaction
from driftline.kafka.ports import TopicPartition

__all__ = ["Group", "Member", "Membership"]

SESSION_MS = 10_000

_member_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Membership:
    """What fences a transaction: member, generation, static id; generation -1 is no member at all."""

    group: str
    generation: int = -1
    member_id: str = ""
    instance_id: str | None = None


@dataclass(slots=True)
class Member:
    """One member. `joined` within a rebalance; `assignment` None until its callback was told."""

    member_id: str
    instance_id: str | None
    topics: tuple[str, ...]
    last_seen_ms: int
    joined: bool = False
    assignment: tuple[TopicPartition, ...] = ()
    dead: bool = False


@dataclass(slots=True)
class Group:
    """Members and committed offsets. A rebalance ends when every living member has polled."""

    name: str
    generation: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    rebalancing: bool = False
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    pending: list[tuple[Transaction, dict[TopicPartition, int]]] = field(default_factory=list)
    fenced: set[str] = field(default_factory=set)

    def join(self, instance_id: str | None, topics: tuple[str, ...], now_ms: int) -> Member:
        """Add a member; a known static id takes over the place of its earlier holder at once."""
        member_id = f"{instance_id or 'member'}-{next(_member_numbers)}"
        member = Member(member_id, instance_id, topics, now_ms)
        earlier = next(
            (m for m in self.members.values() if instance_id is not None and m.instance_id == instance_id),
            None,
        )
        if earlier is not None:
            del self.members[earlier.member_id]
            self.fenced.add(earlier.member_id)
        self.members[member_id] = member
        if earlier is not None and earlier.topics == topics and not self.rebalancing:
            member.joined, member.assignment = True, earlier.assignment
            return member
        self.rebalancing = True
        for other in self.members.values():
            other.joined = False
        return member

    def leave(self, member: Member) -> None:
        """Take a member out and rebalance the rest; a static one stays until its session ends."""
        if member.instance_id is not None:
            member.dead = True
            return
        self.remove(member)

    def remove(self, member: Member) -> None:
        """Take a member out now."""
        if self.members.pop(member.member_id, None) is not None:
            self.rebalance()

    def rebalance(self) -> None:
        """Ask every member to join again."""
        self.rebalancing = True
        for member in self.members.values():
            member.joined = False

    def expire(self, now_ms: int) -> None:
        """Take out the dead whose session is over. The living heartbeat from a thread of their own."""
        for member in list(self.members.values()):
            if member.dead and now_ms - member.last_seen_ms >= SESSION_MS:
                self.remove(member)

    def try_complete(self, partitions: Mapping[str, int]) -> None:
        """End the rebalance if everybody has joined: next generation, ranges dealt anew."""
        if not self.rebalancing or not all(m.joined for m in self.members.values()):
            return
        self.rebalancing = False
        self.generation += 1
        dealt = deal_ranges(self.members.values(), partitions)
        for member in self.members.values():
            member.assignment = dealt[member.member_id]

    def check(self, membership: Membership) -> None:
        """Raise unless a transaction of this membership may carry offsets of the group."""
        if membership.generation < 0 and not self.members:
            return
        if membership.member_id in self.fenced:
            raise Fenced(f"{membership.instance_id}: another instance has this group.instance.id")
        if membership.member_id not in self.members or membership.generation != self.generation:
            raise StaleGeneration(
                f"group {self.name} is at generation {self.generation}, the metadata at {membership.generation}"
            )


def deal_ranges(members: Iterable[Member], partitions: Mapping[str, int]) -> dict[str, tuple[TopicPartition, ...]]:
    """Deal each topic's partitions in contiguous ranges over its sorted members (RangeAssignor)."""
    ordered = sorted(members, key=lambda m: m.instance_id or m.member_id)
    dealt: dict[str, list[TopicPartition]] = {m.member_id: [] for m in ordered}
    for topic in sorted({topic for member in ordered for topic in member.topics}):
        interested = [m for m in ordered if topic in m.topics]
        share, rest = divmod(partitions.get(topic, 0), len(interested))
        begin = 0
        for place, member in enumerate(interested):
            size = share + (1 if place < rest else 0)
            dealt[member.member_id] += [TopicPartition(topic, p) for p in range(begin, begin + size)]
            begin += size
    return {member_id: tuple(found) for member_id, found in dealt.items()}
