"""ADWIN over the decided error rates of one series of windows.

Albert Bifet and Ricard Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007; the implementation is
river's. It sees one value per decided window, never single events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.events import Measure

if TYPE_CHECKING:
    from river.drift import ADWIN

__all__ = ["NAME", "ErrorRate", "error_of", "observe"]

NAME = "adwin_error_rate"
LONGEST = 1024
"""Values kept. A sequence that would grow longer begins anew with its newest half: a rule of the sequence alone, so that
every instance has the same detector."""
_DELTA = 0.002
_WINDOW, _GRACE = 3, 6
"""Smallest part and smallest sequence that is tested: there are few windows, and each stands for many events."""


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """All that the detector is: the values it was fed, oldest first. Replaying them gives the same detector."""

    values: tuple[float, ...] = ()


def error_of(measures: Iterable[Measure]) -> float | None:
    """Return the error that label measures speak of: 1 - accuracy, else mae; None when neither is known."""
    found = {measure.name: measure.value for measure in measures if measure.family == "performance"}
    accuracy = found.get("accuracy")
    return found.get("mae") if accuracy is None else 1.0 - accuracy


def observe(state: ErrorRate, value: float) -> tuple[ErrorRate, Measure]:
    """Feed one decided error; violated where its mean has certainly grown.

    The measure's value is the mean error since the last change that ADWIN sees, its limit the mean before this window. A
    mean that falls is a change and no violation.
    """
    detector = _replayed(state.values)
    before = float(detector.estimation) if state.values else None
    detector.update(value)
    after = float(detector.estimation)
    worse = bool(detector.drift_detected) and before is not None and after > before
    values = (*state.values, value)
    if len(values) > LONGEST:
        values = values[-LONGEST // 2 :]
    measure = Measure(family="performance", name=NAME, value=after, limit=before, violated=worse)
    return ErrorRate(values), measure


def _replayed(values: Sequence[float]) -> ADWIN:
    # river.drift imports its data sets and, where they are installed, pandas and scikit-learn: seconds that a start need not wait.
    from river.drift import ADWIN

    detector = ADWIN(delta=_DELTA, clock=1, min_window_length=_WINDOW, grace_period=_GRACE)
    for value in values:
        detector.update(value)
    return detector
