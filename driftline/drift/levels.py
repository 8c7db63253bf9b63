"""Words for sizes of the population stability index."""

from enum import StrEnum

__all__ = ["Level", "level_of"]

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
