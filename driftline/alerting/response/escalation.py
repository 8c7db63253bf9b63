"""When people are called because of the response, and until when they must have answered."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from driftline.alerting.response.actions import Band
from driftline.alerting.response.policy import EMERGENCY_ANSWER

CONTACTS = ("ml-lead", "cto", "data-engineering-lead")
"""Roles that must answer an emergency, where the policy names nobody."""
CHANNELS = ("pagerduty", "slack", "teams")
"""Where an emergency is told, whatever else is configured (RSP-17)."""


class Level(StrEnum):
    """How urgent."""

    HUMAN = "HUMAN"
    """Somebody should look."""
    EMERGENCY = "EMERGENCY"
    """Somebody must answer within 15 minutes."""

    @property
    def severity(self) -> str:
        """Of the alert that calls them: CRITICAL has the priority critical."""
        return "CRITICAL" if self is Level.EMERGENCY else "HIGH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """People were called."""

    escalation_id: str
    incident_id: str
    model_id: str
    level: Level
    reason: str
    opened_at: int
    due_at: int | None
    """Until when somebody must answer; None: no such time."""


def escalation_id_of(incident_id: str, level: Level, at: int) -> str:
    """`ESC-%Y%m%d-%H%M%S-` and what tells two of the same second apart."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
    own = hashlib.sha256(f"{incident_id}|{level}".encode()).hexdigest()[:8]
    return f"ESC-{moment:%Y%m%d-%H%M%S}-{own}"


def level_of(band: Band) -> Level | None:
    """Who is called in a band; None: nobody."""
    if band >= Band.EMERGENCY:
        return Level.EMERGENCY
    return Level.HUMAN if band >= Band.ESCALATE else None


def escalate(incident_id: str, model_id: str, level: Level, *, reason: str, now: int) -> Escalation:
    """Call people now, whatever becomes of the actions."""
    return Escalation(
        escalation_id=escalation_id_of(incident_id, level, now),
        incident_id=incident_id,
        model_id=model_id,
        level=level,
        reason=reason,
        opened_at=now,
        due_at=now + EMERGENCY_ANSWER if level is Level.EMERGENCY else None,
    )
