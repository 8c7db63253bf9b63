"""The limits that measures are checked against, and the checking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from driftline.errors import ConfigurationError
from driftline.events import Direction, Measure, Threshold

__all__ = ["DEFAULTS", "BadThreshold", "check", "defaults", "merge"]

P_VALUE = "_pvalue"  # "ks_pvalue" checks the p-value of the measure "ks"

DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "feature": {"psi": 0.25, "js": 0.15, "chi2_pvalue": 0.05, "tv": 0.20},
    "prediction": {"psi": 0.25, "js": 0.10, "tv": 0.15},
    "label": {"js": 0.20, "chi2_pvalue": 0.01},
    "performance": {"f1": 0.65, "precision": 0.60, "recall": 0.60},
}
"""A limit by family and measure: where a monitor says nothing, this holds."""

_OTHER_NAMES = {
    "js_distance": "js",
    "tv_distance": "tv",
    "chi_squared_pvalue": "chi2_pvalue",
    "population_stability_index": "psi",
    "f1_score": "f1",
    "roc_auc": "auc",
}
_ABOVE = frozenset({"psi", "js", "tv", "ks", "chi2", "null_rate", "null_rate_delta", "nan_rate", "unseen_rate", "mae", "rmse"})
_BELOW = frozenset({"accuracy", "precision", "recall", "f1", "auc", "coverage", "ks_pvalue", "chi2_pvalue"})
_FAMILIES = ("feature", "prediction", "label", "performance", "quality")

Limit = float | None
Overrides = Mapping[str, Mapping[str, "Limit | Mapping[str, Limit]"]]
"""family -> measure -> limit (None drops the check), or -> column -> limit ("*" = every other column)."""


class BadThreshold(ConfigurationError):
    """A threshold names something that does not exist: tell the user, who edits the monitor."""


def defaults() -> tuple[Threshold, ...]:
    """Return the default thresholds."""
    return merge({})


def merge(overrides: Overrides) -> tuple[Threshold, ...]:
    """Return the defaults with `overrides` laid over them, limit by limit.

    What is not named keeps its default, so {"performance": {"f1_score": 0.7}} changes that one limit. Raises
    BadThreshold for an unknown family or measure.
    """
    limits: dict[tuple[str, str, str | None], Limit] = {
        (family, measure, None): limit for family, group in DEFAULTS.items() for measure, limit in group.items()
    }
    for family, group in overrides.items():
        if family not in _FAMILIES:
            raise BadThreshold(f"thresholds.{family}: unknown family; use one of {', '.join(_FAMILIES)}")
        for name, given in group.items():
            measure = _known(family, name)
            columns = given if isinstance(given, Mapping) else {"*": given}
            for column, limit in columns.items():
                limits[family, measure, None if column == "*" else column] = limit
    return tuple(
        Threshold(family=family, measure=measure, column=column, limit=limit, direction=direction_of(measure))
        for (family, measure, column), limit in limits.items()
        if limit is not None
    )


def direction_of(measure: str) -> Direction:
    """Return which side of the limit is a violation; distances ABOVE, p-values and quality BELOW."""
    return Direction.BELOW if measure in _BELOW else Direction.ABOVE


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


def _known(family: str, name: str) -> str:
    measure = _OTHER_NAMES.get(name, name)
    if measure not in _ABOVE | _BELOW:
        known = ", ".join(sorted(_ABOVE | _BELOW))
        raise BadThreshold(f"thresholds.{family}.{name}: unknown measure; use one of {known}")
    return measure
