"""From checks to one number that people can sort models by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from driftline.events import Measure

__all__ = [
    "CLASSIC_DAYS",
    "CLASSIC_WEIGHTS",
    "Risk",
    "Severity",
    "Violations",
    "classic_score",
    "classic_since",
    "priority",
    "score",
    "severity",
    "violations",
]


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
CLASSIC_WEIGHTS = MappingProxyType({"feature": 0.25, "prediction": 0.30, "label": 0.20, "performance": 0.25})
"""Weights of the four groups of the classic score, which are also the default weights of a monitor."""
CLASSIC_DAYS = 7
_MOST_EXPECTED = MappingProxyType({"feature": 20, "prediction": 5, "label": 5, "performance": 10})
"""Violations from which a group gives its full points, whatever the number of columns and windows: so it saturates."""
_GROUPS = MappingProxyType({"business": "performance"})
"""Families that count in the group of another: the costs of the classic thresholds."""
_CHANGES = MappingProxyType(
    {
        "feature_change": "feature",
        "prediction_change": "prediction",
        "performance_change": "performance",
        "multivariate": "feature",
    }
)
"""Where a change that a detector has found counts."""
_SAME = MappingProxyType({"lasting_shift": "psi"})
"""Measures that see the same thing in another way."""
_DAY_US = 86_400_000_000
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
    in proportion. Families outside `weights` (quality) do not count. Weights need not add up to 1. A change that a detector has
    found is a failing check of its family; a detector that is silent says nothing about how far things have moved. The psi of a
    column and its lasting shift are one check.
    """
    checks: dict[tuple[str, str, str | None, str], bool] = {}
    for measure in measures:
        family = _CHANGES.get(measure.family, measure.family) if measure.violated else measure.family
        if family in weights and measure.limit is not None and measure.value is not None:
            check = family, _SAME.get(measure.name, measure.name), measure.column, measure.family
            checks[check] = checks.get(check, False) or measure.violated
    failed = dict.fromkeys(weights, 0)
    checked = dict.fromkeys(weights, 0)
    for (family, *_), violated in checks.items():
        checked[family] += 1
        failed[family] += violated
    shares = {family: failed[family] / count for family, count in checked.items() if count}
    total = math.fsum(weights[family] for family in shares)
    if total <= 0:
        return Risk(None, None, shares)
    value = 100 * math.fsum(weights[family] * share for family, share in shares.items()) / total
    value = min(round(value, _DECIMALS), 100.0)
    return Risk(value, severity(value), shares)


Violations = Mapping[str, int]
"""Failing checks of one window by group."""


def violations(measures: Iterable[Measure]) -> Violations:
    """Count the failing checks of one window by classic group; groups without any are absent."""
    found: dict[str, int] = {}
    for measure in measures:
        group = (_GROUPS | _CHANGES).get(measure.family, measure.family)
        if measure.violated and group in _MOST_EXPECTED:
            found[group] = found.get(group, 0) + 1
    return found


def classic_since(now: int, days: int = CLASSIC_DAYS) -> int:
    """Return the earliest start of a window that counts at `now`: midnight UTC, `days` before today (microseconds)."""
    return now // _DAY_US * _DAY_US - days * _DAY_US


def classic_score(windows: Iterable[Violations], weights: Mapping[str, float] = CLASSIC_WEIGHTS) -> Risk:
    """Return the classic risk score of the windows of the last seven days.

    sum over groups of min(violations / most expected, 1) x weight x 100, at most 100. Violations are counted over columns,
    measures and windows; most expected are 20 of features, 5 of predictions, 5 of labels, 10 of performance. It is
    kept as it was: more windows or columns alone raise it, and p-value thresholds fill it without any drift. `shares` are
    the normalised violations. Without windows nothing was checked: no score.
    """
    counted = list(windows)
    if not counted:
        return Risk(None, None, {})
    shares = {group: min(sum(window.get(group, 0) for window in counted) / most, 1.0) for group, most in _MOST_EXPECTED.items()}
    value = math.fsum(share * weights.get(group, 0.0) * 100 for group, share in shares.items())
    value = min(round(value, _DECIMALS), 100.0)
    return Risk(value, severity(value), shares)


def severity(value: float) -> Severity:
    """Return the band of a score; the lower border belongs to the band (80 is CRITICAL)."""
    return next((band for border, band in _BANDS if value >= border), Severity.MINIMAL)


def priority(band: Severity | str) -> str:
    """Return the alert priority of a severity: low, medium, high or critical."""
    return _PRIORITIES[Severity(band)]
