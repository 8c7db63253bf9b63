"""Whether the source ranges that stage 1 reports follow each other: the proof that counts are exact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from driftline.events import Group, SourceRange

__all__ = ["TRUST_INTERVALS", "TRUST_US", "Condition", "Head", "Source", "Verdict", "follow", "judge"]

TRUST_US = 3_000_000
"""What progress said of a partition holds for 3 s of append time,"""
TRUST_INTERVALS = 3
"""or for 3 commit intervals of its writer if that is longer."""


class Source(NamedTuple):
    """One source partition as a consumer group of stage 1 reads it."""

    group: Group
    topic: str
    partition: int


class Verdict(Enum):
    """How a range follows what was counted of its source partition before."""

    FIRST = "first"
    CONTINUES = "continues"
    DUPLICATE = "duplicate"
    """All of it was counted before."""
    GAP = "gap"
    OVERLAP = "overlap"
    """A part of it was counted before."""
    RECREATED = "recreated"
    """Another topic of the same name: whether the end of the old one was counted cannot be known."""


INEXACT = frozenset({Verdict.GAP, Verdict.OVERLAP, Verdict.RECREATED})


class Condition(Enum):
    """What is known of a source partition at an append time."""

    CAUGHT_UP = "caught_up"
    LAGGING = "lagging"
    STALLED = "stalled"
    """Nobody has spoken of it lately, or ever."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a source partition is counted, and until when we believe what was said of it."""

    topic_id: str
    offset: int
    caught_up: bool
    trusted_until: int

    def condition(self, append_time: int) -> Condition:
        """Return what is known of the partition at an append time."""
        if append_time > self.trusted_until:
            return Condition.STALLED
        return Condition.CAUGHT_UP if self.caught_up else Condition.LAGGING


def judge(head: Head | None, found: SourceRange) -> Verdict:
    """Compare a range with the head of its source partition; an empty range that lies behind is a duplicate."""
    if head is None:
        return Verdict.FIRST
    if head.topic_id != found.topic_id:
        return Verdict.RECREATED
    if found.from_offset == head.offset:
        return Verdict.CONTINUES
    if found.from_offset > head.offset:
        return Verdict.GAP
    return Verdict.DUPLICATE if found.to_offset <= head.offset else Verdict.OVERLAP


def follow(found: SourceRange, append_time: int, commit_interval: int) -> Head:
    """Return the head after a range was counted."""
    trust = max(TRUST_US, TRUST_INTERVALS * commit_interval)
    return Head(found.topic_id, found.to_offset, found.caught_up, append_time + trust)
