"""What a look at a group can end with."""

from dataclasses import dataclass
from enum import StrEnum


class NotifyReason(StrEnum):
    """Why a notification is sent."""

    FIRST = "first"
    """The channel had heard of nothing that fires here."""
    NEW_ALERTS = "new_alerts"
    RAISED = "raised"
    """An alert is more urgent than anything told last time."""
    SOME_RESOLVED = "some_resolved"
    ALL_RESOLVED = "all_resolved"
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care; only for channels that show it."""
    UNACKNOWLEDGED = "unacknowledged"
    """Nobody takes care any more; only for channels that show it."""
    DIGEST = "digest"
    """The period of a digest is over, and something happened in it."""
    REPEAT = "repeat"
    """Nothing new, but it still fires and `repeat_interval` is over."""


class SuppressReason(StrEnum):
    """Why a notification is deliberately not sent."""

    NOT_CONFIGURED = "not_configured"
    """The channel has no address; set one."""
    RESOLVED_BEFORE_TOLD = "resolved_before_told"
    """It began and ended between two looks."""
    SILENCED = "silenced"
    """Silences hold for all that there was to tell."""
    INHIBITED = "inhibited"
    """Alerts that fire explain all that there was to tell."""
    MODEL_CHANGED = "model_changed"
    """A deployment or another baseline explains all that there was to tell."""
    SPOKEN_FOR = "spoken_for"
    """More urgent drift of the same model and window fires, and those whom this would go to are told of that."""
    FLAPPING = "flapping"
    """It begins and ends all the time; it is told once it has held for a while."""
    MUTED = "muted"
    """The route is in one of its mute intervals, or outside of its active ones."""
    RESOLVED_NOT_WANTED = "resolved_not_wanted"
    """The channel says `send_resolved: false`."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Send."""

    reason: NotifyReason


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to tell before `until` unless something changes; None where nothing fires."""

    until: int | None


@dataclass(frozen=True, slots=True)
class Suppress:
    """Do not send what `instead_of` called for."""

    reason: SuppressReason
    instead_of: NotifyReason | None = None


HELD = frozenset(
    {
        SuppressReason.SILENCED,
        SuppressReason.INHIBITED,
        SuppressReason.MODEL_CHANGED,
        SuppressReason.SPOKEN_FOR,
        SuppressReason.FLAPPING,
    }
)
"""Reasons that hold for single alerts."""

WITHHELD = HELD | {SuppressReason.MUTED}
"""Reasons that pass: what was to be told is told later if it still holds."""

Decision = Notify | Wait | Suppress
