"""Intervals of rates, of the difference of two rates and of their ratio, from counts alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

__all__ = ["Interval", "Rate", "difference", "quantile", "ratio", "wilson"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and where it may truly lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rate:
    """`part` of `whole`."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The rate itself. Raises ZeroDivisionError for a part of nothing."""
        return self.part / self.whole


def quantile(confidence: float, comparisons: int = 1) -> float:
    """The z of a two-sided interval; Bonferroni where it must hold for several comparisons at once."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * max(comparisons, 1)))


def wilson(rate: Rate, z: float) -> Interval:
    """Wilson's score interval (1927): (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)."""
    n, p = rate.whole, rate.value
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # at 0 and 1 the bound is the value itself, which rounding would miss
    return Interval(p, 0.0 if rate.part == 0 else max(0.0, middle - half), 1.0 if p == 1 else min(1.0, middle + half))


def difference(high: Rate, low: Rate, z: float) -> Interval:
    """Interval of high - low by Newcombe's hybrid score interval (1998, method 10), from the Wilson limits of both."""
    a, b = wilson(high, z), wilson(low, z)
    d = a.value - b.value
    return Interval(d, d - math.hypot(a.value - a.low, b.high - b.value), d + math.hypot(a.high - a.value, b.value - b.low))


def ratio(low: Rate, high: Rate, z: float) -> Interval:
    """Interval of low / high by MOVER-R (Donner and Zou 2012), from the Wilson limits of both.

    Where both are 0 they are equal, though nobody knows how nearly: 1, from 0 to infinity.
    """
    if high.part <= 0:
        return Interval(1.0 if low.part <= 0 else math.inf, 0.0, math.inf)
    a, b = wilson(low, z), wilson(high, z)
    product = a.value * b.value
    below = product - math.sqrt(max(product**2 - a.low * b.high * (2 * a.value - a.low) * (2 * b.value - b.high), 0.0))
    above = product + math.sqrt(max(product**2 - a.high * b.low * (2 * a.value - a.high) * (2 * b.value - b.low), 0.0))
    under_low, under_high = b.high * (2 * b.value - b.high), b.low * (2 * b.value - b.low)
    return Interval(
        a.value / b.value,
        max(below / under_low, 0.0) if under_low > 0 else 0.0,
        above / under_high if under_high > 0 else math.inf,
    )
