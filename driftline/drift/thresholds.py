"""Measures against the limits of their monitor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from driftline.events import Direction, Measure, Threshold

__all__ = ["P_VALUE", "check"]

P_VALUE = "_pvalue"
"""A threshold for "ks_pvalue" is held against the p-value of the measure "ks"."""


def check(measures: Sequence[Measure], thresholds: Iterable[Threshold]) -> tuple[Measure, ...]:
    """Return the measures with `limit` and `violated` set where a threshold speaks of them.

    Both directions are strict: a value on its limit passes. A threshold for a column wins over the family's. A value
    of None is never a violation. With limits for both the value and the p-value of a measure, it fails when either does,
    and the limit shown is the broken one (the value's if none is).
    """
    found = {(t.family, t.measure, t.column): t for t in thresholds}

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
    return value > threshold.limit if threshold.direction is Direction.ABOVE else value < threshold.limit
