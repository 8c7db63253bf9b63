"""Silences: for a while, alerts that fulfil some matchers are not told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftline.alerting.matchers import Matcher, all_match


class SilenceState(StrEnum):
    """Where a silence stands in time."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence; it holds from `starts_at` up to `ends_at`, microseconds since 1970 UTC.

    Raises ValueError where it could never hold, or would hold for everything.
    """

    silence_id: str
    matchers: tuple[Matcher, ...]
    """All of them must match."""
    starts_at: int
    ends_at: int
    created_by: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        if all(matcher.matches({}) for matcher in self.matchers):
            raise ValueError(
                "a silence needs a matcher that an absent label does not fulfil, else it would hold for everything"
            )
        if self.ends_at < self.starts_at:
            raise ValueError("a silence must not end before it begins")

    def state(self, now: int) -> SilenceState:
        """Pending before it begins, expired from its end on."""
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts_at else SilenceState.PENDING

    def holds(self, labels: Mapping[str, str], now: int) -> bool:
        """Whether it keeps an alert with these labels quiet now."""
        return self.starts_at <= now < self.ends_at and all_match(self.matchers, labels)


def silencing(silences: Iterable[Silence], labels: Mapping[str, str], now: int) -> tuple[str, ...]:
    """Ids of the silences that keep an alert with these labels quiet now, in their order."""
    return tuple(silence.silence_id for silence in silences if silence.holds(labels, now))
