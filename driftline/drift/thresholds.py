"""Measures against the limits of their monitor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from driftline.drift.risk import Severity
from driftline.events import Direction, Measure, Threshold

__all__ = ["CLASSIC", "P_VALUE", "AlertLevel", "DriftLevel", "alert_level", "check", "classic", "drift_level", "verdict"]

P_VALUE = "_pvalue"
"""A threshold for "ks_pvalue" is held against the p-value of the measure "ks"."""
_COSTS = frozenset({"expected_loss", "revenue_at_risk"})
"""Measures of money: a violation is a magnitude above the limit, whatever its sign."""
PSI_WARNING, PSI_CRITICAL = 0.1, 0.25
"""The customary bands of credit scoring."""

CLASSIC: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "feature_drift": {"js_distance": 0.15, "chi_squared_pvalue": 0.05, "tv_distance": 0.20},
        "prediction_drift": {"js_distance": 0.10, "tv_distance": 0.15},
        "label_drift": {"js_distance": 0.20, "chi_squared_pvalue": 0.01},
        "performance": {
            "f1_score": 0.65,
            "precision": 0.60,
            "recall": 0.60,
            "expected_loss": 40.0,
            "revenue_at_risk": 100_000.0,
        },
    }
)
"""The fixed thresholds of `policy: classic`, under the names that its users write."""
_FAMILIES = {"feature_drift": "feature", "prediction_drift": "prediction", "label_drift": "label", "performance": "performance"}
_MEASURES = {"js_distance": "js", "tv_distance": "tv", "chi_squared_pvalue": "chi2_pvalue", "f1_score": "f1"}


class AlertLevel(StrEnum):
    """What a PSI, or a check, asks of people."""

    NORMAL = "NORMAL"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class DriftLevel(StrEnum):
    """What a PSI says of a column."""

    STABLE = "stable"
    MODERATE = "moderate"
    SIGNIFICANT = "significant"


def alert_level(psi: float, *, warning: float = PSI_WARNING, critical: float = PSI_CRITICAL) -> AlertLevel:
    """Return CRITICAL above `critical`, WARNING from `warning` on, else NORMAL."""
    if psi > critical:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if psi >= warning else AlertLevel.NORMAL


def verdict(severity: Severity | str, *, violated: bool) -> AlertLevel:
    """Return what a check asks: NORMAL without a failing measure; else CRITICAL for HIGH and CRITICAL risk, WARNING below."""
    if not violated:
        return AlertLevel.NORMAL
    return AlertLevel.CRITICAL if Severity(severity) in (Severity.CRITICAL, Severity.HIGH) else AlertLevel.WARNING


def drift_level(psi: float) -> DriftLevel:
    """Return stable below 0.1, moderate from 0.1 to 0.25, significant above."""
    if psi > PSI_CRITICAL:
        return DriftLevel.SIGNIFICANT
    return DriftLevel.MODERATE if psi >= PSI_WARNING else DriftLevel.STABLE


def classic(overrides: Mapping[str, Mapping[str, float]] | None = None) -> tuple[Threshold, ...]:
    """Return the classic thresholds with some of them changed; what is not named keeps its default.

    `{"performance": {"f1_score": 0.70}}` changes one limit of twelve. p-values and qualities are violated below their
    limit, distances and costs above it. Costs belong to the family business. Raises ValueError for an unknown group.
    """
    changed = overrides or {}
    unknown = sorted(set(changed) - set(CLASSIC))
    if unknown:
        raise ValueError(f"there is no group of thresholds {unknown[0]!r}; there are {', '.join(CLASSIC)}")
    merged = {group: {**limits, **changed.get(group, {})} for group, limits in CLASSIC.items()}
    return tuple(_classic(group, name, limit) for group, limits in merged.items() for name, limit in limits.items())


def _classic(group: str, name: str, limit: float) -> Threshold:
    below = name.endswith(P_VALUE) or (group == "performance" and name not in _COSTS)
    return Threshold(
        family="business" if name in _COSTS else _FAMILIES[group],
        measure=_MEASURES.get(name, name),
        limit=limit,
        direction=Direction.BELOW if below else Direction.MAGNITUDE if name in _COSTS else Direction.ABOVE,
    )


def check(measures: Sequence[Measure], thresholds: Iterable[Threshold]) -> tuple[Measure, ...]:
    """Return the measures with `limit` and `violated` set where a threshold speaks of them.

    Both directions are strict: a value on its limit passes. A threshold for a column wins over the family's. A value
    of None is never a violation. With limits for both the value and the p-value of a measure, it fails when either does,
    and the limit shown is the broken one (the value's if none is). Business metrics come judged (`sqlmetrics.judge`).
    """
    found = {(t.family, t.measure, t.column): t for t in thresholds if t.family != "business"}
    if not found:
        return tuple(measures)

    def limit_of(measure: Measure, name: str) -> Threshold | None:
        own = found.get((measure.family, name, measure.column))
        return own or found.get((measure.family, name, None))

    return tuple(
        _judged(measure, limit_of(measure, measure.name), limit_of(measure, measure.name + P_VALUE)) for measure in measures
    )


def _judged(measure: Measure, on_value: Threshold | None, on_p: Threshold | None) -> Measure:
    broken = [
        threshold
        for threshold, value in ((on_value, measure.value), (on_p, measure.p_value))
        if threshold is not None and value is not None and _breaks(value, threshold)
    ]
    shown = broken[0] if broken else on_value or on_p
    if shown is None:
        return measure
    return replace(measure, limit=shown.limit, violated=bool(broken))


def _breaks(value: float, threshold: Threshold) -> bool:
    if threshold.direction is Direction.BELOW:
        return value < threshold.limit
    return (abs(value) if threshold.direction is Direction.MAGNITUDE else value) > threshold.limit
