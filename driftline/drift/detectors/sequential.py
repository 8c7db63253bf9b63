"""river's detectors over one number per decided pane: an error rate, a mean score, the mean of a column.

    ADWIN            Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007
    PageHinkley      Page, "Continuous Inspection Schemes", Biometrika 1954
    DDM              Gama et al., "Learning with Drift Detection", SBIA 2004
    HDDM_A, HDDM_W   Frias-Blanco et al., "Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds", 2015

They see panes, never single events: a pane stands for many events, so that their bounds hold for the noise between panes,
which autocorrelation and seasons make larger than that between independent events. Nothing that river serialises is stored:
the state is the numbers fed since the detector last began, and replaying them gives the same detector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.drift.detectors.protocol import MalformedState, Verdict, pack
from driftline.drift.detectors.river_detectors import river_detectors

if TYPE_CHECKING:
    from river.base import DriftDetector

__all__ = ["LONGEST", "Kind", "Sequential", "Span", "Watch"]

LONGEST = 1024
"""Numbers kept. A series that would grow longer begins anew with its newest half: a rule of the series alone, so that every
instance has the same detector. (8 kB; DDM and the like keep no more than since their last alarm.)"""
WARM = 20
"""Panes from which Page-Hinkley takes the noise of its series; it cannot alarm before."""
_TOLERATED, _ALARM = 0.5, 12.0
"""Page-Hinkley in units of that noise: the drift that it tolerates and the excess that is an alarm. A CUSUM with k = 0.5 and
h = 12 raises one alarm in about a million panes of independent normal noise (Siegmund 1985: e**(2kh + 1.17) / 2k^2); with the
noise taken from 20 panes it is one in some 20,000 (bench/bench_detectors.py)."""
_QUIETEST = 0.001
"""The least noise that it assumes, of the span: after twenty equal panes not every other number is an alarm."""


class Kind(StrEnum):
    """The detectors, by the names under which monitors and measures speak of them."""

    ADWIN = "adwin"
    PAGE_HINKLEY = "page_hinkley"
    DDM = "ddm"
    HDDM_A = "hddm_a"
    HDDM_W = "hddm_w"


class Watch(StrEnum):
    """Which changes are told."""

    RISE = "rise"
    """Of an error: a fall is good news. DDM knows no other."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Span:
    """The range that is mapped to [0, 1], where ADWIN, DDM and HDDM have their bounds; numbers outside count as its ends.

    A rate has (0, 1). The narrower the span, the sooner a change is seen, so give a column the range in which its mean may
    reasonably move: `Span.around(mean, deviation)` of the baseline.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            message = f"a span needs two finite ends, the lower first, not {self.low} and {self.high}"
            raise ValueError(message)

    @staticmethod
    def around(mean: float, deviation: float, reach: float = 1.0) -> Span:
        """From `reach` deviations below the mean to as many above; a deviation of 0 counts as 1e-9 of the mean's size."""
        half = reach * deviation if deviation > 0 else max(abs(mean), 1.0) * 1e-9
        return Span(mean - half, mean + half)

    def unit(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, unit: float) -> float:
        """The value that lies there."""
        return self.low + unit * (self.high - self.low)


class Sequential:
    """One of river's detectors over one series. Implements `Detector[float]`."""

    def __init__(self, kind: Kind, span: Span | None = None, watch: Watch = Watch.RISE, units: Sequence[float] = ()) -> None:
        """`units` is what was fed since it began, as `to_bytes` has it."""
        if kind is Kind.DDM and watch is Watch.BOTH:
            raise ValueError("ddm sees a rise only; take adwin, page_hinkley or hddm_a for both sides")
        self.kind, self.span, self.watch = kind, span or Span(), watch
        self._units: list[float] = list(units)
        self._river = self._replayed()

    def observe(self, pane: float) -> Verdict:
        """Feed the number of one more decided pane. Raises ValueError where it is not finite: leave such panes out."""
        if not math.isfinite(pane):
            message = f"a detector takes finite numbers, not {pane}; leave out panes without a value"
            raise ValueError(message)
        unit = self.span.unit(pane)
        before = self._level()
        detected = self._feed(unit)
        after = self._level()
        if self.kind is Kind.ADWIN and self.watch is Watch.RISE:
            detected = detected and before is not None and after is not None and after > before
        value = self.span.value(unit if detected and self.kind is not Kind.ADWIN else after or 0.0)
        return Verdict(detected, value=value, before=None if before is None else self.span.value(before))

    def to_bytes(self) -> bytes:
        """Kind, span, watch, and what was fed since it began."""
        header = {"low": self.span.low, "high": self.span.high, "watch": self.watch.value}
        return pack(self.kind.value, np.array(self._units, np.float64), **header)

    @staticmethod
    def of(header: dict[str, Any], numbers: Sequence[float]) -> Sequential:
        """The detector of an unpacked state. Raises MalformedState."""
        try:
            span = Span(float(header["low"]), float(header["high"]))
            return Sequential(Kind(header["kind"]), span, Watch(header["watch"]), numbers)
        except (KeyError, TypeError, ValueError) as error:
            message = f"no state of a sequential detector: {error}"
            raise MalformedState(message) from error

    def _level(self) -> float | None:
        if not self._units:
            return None
        if self.kind is Kind.ADWIN and self._river is not None:
            return float(self._river.estimation)
        return math.fsum(self._units) / len(self._units)

    def _feed(self, unit: float) -> bool:
        self._units.append(unit)
        if self._river is None:
            self._river = self._replayed()
        else:
            self._river.update(unit)
        detected = self._river is not None and bool(self._river.drift_detected)
        if detected and self.kind is not Kind.ADWIN:
            self._units, self._river = [], None  # river's own would begin anew with the next number
        elif len(self._units) > LONGEST:
            self._units = self._units[-LONGEST // 2 :]
            self._river = self._replayed()
        return detected

    def _replayed(self) -> DriftDetector | None:
        """The detector after all that was fed; None until there is enough to make it."""
        made = _made(self.kind, self.watch, self._units)
        if made is not None:
            for unit in self._units:
                made.update(unit)
        return made


def _made(kind: Kind, watch: Watch, units: Sequence[float]) -> DriftDetector | None:
    drift = river_detectors()
    two_sided = watch is Watch.BOTH
    if kind is Kind.ADWIN:
        # Smallest part and smallest series that is tested: there are few panes, and each stands for many events.
        return drift.ADWIN(delta=0.002, clock=1, min_window_length=3, grace_period=6)
    if kind is Kind.PAGE_HINKLEY:
        if len(units) < WARM:
            return None
        noise = max(float(np.std(units[:WARM], ddof=1)), _QUIETEST)
        mode = "both" if two_sided else "up"
        return drift.PageHinkley(min_instances=WARM, delta=_TOLERATED * noise, threshold=_ALARM * noise, alpha=1.0, mode=mode)
    if kind is Kind.DDM:
        return drift.binary.DDM()
    made = drift.binary.HDDMA if kind is Kind.HDDM_A else drift.binary.HDDMW
    return made(two_sided_test=two_sided)
