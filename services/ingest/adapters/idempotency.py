"""What a memory of Idempotency-Keys answers: a SQLite file for one replica, Redis for several."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

CLAIM_SECONDS = 120
"""A claim whose request never ended (its process died) is free again after this."""


class ClaimState(Enum):
    """What a key means for a request."""

    NEW = "new"
    """Nobody had it: go on, then `keep` or `release`."""
    ANSWERED = "answered"
    """The same request was answered before: give that answer again."""
    UNDER_WAY = "under way"
    """The same request is being worked on."""
    OTHER_BODY = "other body"
    """The key belongs to another body."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The state of a key, and the answer that was given where there is one."""

    state: ClaimState
    answer: bytes = b""

    @classmethod
    def of(cls, digest: bytes, known_digest: bytes, answer: bytes | None) -> Claim:
        """Compare a request with what is known of its key; no answer yet = under way."""
        if digest != known_digest:
            return cls(ClaimState.OTHER_BODY)
        return cls(ClaimState.ANSWERED, answer) if answer else cls(ClaimState.UNDER_WAY)


class Keys(Protocol):
    """A memory of keys; safe from any thread. Raises Unavailable when it cannot be reached."""

    def claim(self, name: str, digest: bytes, now_us: int) -> Claim:
        """Take a key for a request, unless it is taken."""
        ...

    def keep(self, name: str, digest: bytes, answer: bytes, now_us: int) -> None:
        """Remember the answer of a claimed key."""
        ...

    def release(self, name: str) -> None:
        """Give a claimed key back: its request was not stored."""
        ...

    def forget(self, now_us: int) -> int:
        """Drop what is too old; returns how many."""
        ...

    def close(self) -> None:
        """Let go."""
        ...
