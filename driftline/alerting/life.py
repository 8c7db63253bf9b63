"""The life of an alert as its history tells it: one line for each thing that people would want to have been told."""

from dataclasses import dataclass
from enum import StrEnum

from driftline.alerting.alert import Alert, Status


class Happening(StrEnum):
    """What can happen to an alert."""

    FIRED = "fired"
    """The first time that this is heard of."""
    REOPENED = "reopened"
    """It had ended, or another episode of the same began."""
    RAISED = "raised"
    """More urgent than before."""
    LOWERED = "lowered"
    """Less urgent than before."""
    RESOLVED = "resolved"
    SILENCED = "silenced"
    """A silence was made while it fired."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care: it is neither repeated nor escalated."""
    UNACKNOWLEDGED = "unacknowledged"
    """Nobody takes care any more: taken back by hand, or the time of the acknowledgement is over."""
    ESCALATED = "escalated"
    """The next level of its escalation policy is told too."""
    UNDELIVERED = "undelivered"
    """A channel did not take a notification of it, which was given up."""


ENDS_CARE = frozenset({Happening.FIRED, Happening.REOPENED, Happening.RESOLVED})
"""An acknowledgement is of one occurrence: the next one begins without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a history; `at` is when it was learnt, microseconds."""

    alert_id: str
    at: int
    happening: Happening
    by: str = ""
    """Who did it; empty where nobody did."""
    detail: str = ""


def happening(alert: Alert, known: Alert | None) -> Happening | None:
    """What a change means for the life of an alert; None where it is the same in other words."""
    if alert.status is Status.RESOLVED:
        return Happening.RESOLVED
    if known is None:
        return Happening.FIRED
    if known.status is Status.RESOLVED or known.episode_id != alert.episode_id:
        return Happening.REOPENED
    if alert.priority.rank == known.priority.rank:
        return None
    return Happening.RAISED if alert.priority.rank > known.priority.rank else Happening.LOWERED


def entry(alert: Alert, known: Alert | None, now: int) -> Entry | None:
    """The line of the history that a change calls for."""
    found = happening(alert, known)
    if found is None:
        return None
    return Entry(alert_id=alert.alert_id, at=now, happening=found, detail=f"{alert.priority.value}: {alert.title}")
