"""Words for sizes of the population stability index, and for verdicts."""

from enum import StrEnum

from driftline.drift.risk import Severity

__all__ = ["AlertLevel", "Level", "alert_level", "level_of"]

MODERATE, SIGNIFICANT = 0.1, 0.25
"""Customary in credit scoring (Siddiqi, Credit Risk Scorecards, 2006); both bounds belong to the middle."""


class Level(StrEnum):
    """How far a distribution has moved."""

    STABLE = "stable"
    MODERATE = "moderate"
    SIGNIFICANT = "significant"


def level_of(psi: float) -> Level:
    """Below 0.1 stable, to 0.25 moderate, beyond it significant."""
    if psi < MODERATE:
        return Level.STABLE
    return Level.MODERATE if psi <= SIGNIFICANT else Level.SIGNIFICANT


class AlertLevel(StrEnum):
    """What a check comes to."""

    NORMAL = "NORMAL"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


def alert_level(severity: str, *, violated: bool) -> AlertLevel:
    """Return the level of a verdict: NORMAL without a failing check; else CRITICAL for CRITICAL and HIGH, WARNING below."""
    if not violated:
        return AlertLevel.NORMAL
    return AlertLevel.CRITICAL if Severity(severity) in (Severity.CRITICAL, Severity.HIGH) else AlertLevel.WARNING
