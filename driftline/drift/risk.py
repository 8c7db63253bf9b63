"""From checks to one number that people can sort models by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftline.events import Measure

__all__ = ["Risk", "Severity", "priority", "score", "severity"]


class Severity(StrEnum):
    """Bands of the risk score, mildest first."""

    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


_BANDS = (
    (80.0, Severity.CRITICAL),
    (60.0, Severity.HIGH),
    (40.0, Severity.MEDIUM),
    (20.0, Severity.LOW),
)
_PRIORITIES = {
    Severity.MINIMAL: "low",
    Severity.LOW: "low",
    Severity.MEDIUM: "medium",
    Severity.HIGH: "high",
    Severity.CRITICAL: "critical",
}
_DECIMALS = 9  # so that 0.8 * 100 reached by another order of sums falls into the same band


@dataclass(frozen=True, slots=True)
class Risk:
    """Risk of one window: `score` 0 to 100, None when nothing was checked (no data is never a pass).

    `severity` is its band, None with it. `shares` holds, per weighed family that had a check, the share that failed.
    """

    score: float | None
    severity: Severity | None
    shares: Mapping[str, float]


def score(measures: Iterable[Measure], weights: Mapping[str, float]) -> Risk:
    """Return 100 x the weighted mean over families of the share of failing checks.

    A check is a measure with a limit and a value. A family without a check is absent: its weight goes to the others
    in proportion. Families outside `weights` (quality) do not count. Weights need not add up to 1.
    """
    failed = dict.fromkeys(weights, 0)
    checked = dict.fromkeys(weights, 0)
    for measure in measures:
        if measure.family in checked and measure.limit is not None and measure.value is not None:
            checked[measure.family] += 1
            failed[measure.family] += measure.violated
    shares = {family: failed[family] / count for family, count in checked.items() if count}
    total = math.fsum(weights[family] for family in shares)
    if total <= 0:
        return Risk(None, None, shares)
    value = 100 * math.fsum(weights[family] * share for family, share in shares.items()) / total
    value = min(round(value, _DECIMALS), 100.0)
    return Risk(value, severity(value), shares)


def severity(value: float) -> Severity:
    """Return the band of a score; the lower border belongs to the band (80 is CRITICAL)."""
    return next((band for border, band in _BANDS if value >= border), Severity.MINIMAL)


def priority(band: Severity | str) -> str:
    """Return the alert priority of a severity: low, medium, high or critical."""
    return _PRIORITIES[Severity(band)]
