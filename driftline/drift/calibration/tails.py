"""Tails of the laws that the tests stand on, exact far out, without the weight of scipy.stats."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import betainc, betaincinv, chdtrc, chdtri, gammaln

__all__ = ["binomial_tail", "chi2_tail", "noncentral_limit", "noncentral_shift", "noncentral_tail", "upper_share"]

_STEPS = 100
_CLOSE = 1e-7
_FAR = 40  # in units of the square root, whose spread is 1 whatever the shift: the tail is below 1e-300


def chi2_tail(value: float, freedom: int) -> float:
    """Return P(X >= value) of chi-squared."""
    return float(chdtrc(freedom, value))


def noncentral_tail(value: float, freedom: int, shift: float) -> float:
    """Return P(X >= value) of the non-central chi-squared law with noncentrality `shift` >= 0.

    sum over j of Poisson(j; shift / 2) P(chi2_{freedom + 2j} >= value); terms beyond 9 standard deviations are left out,
    below 1e-17 of the whole. Relative accuracy holds in the far tail, where 1 - cdf has none.
    """
    half = shift / 2
    if half <= 0:
        return chi2_tail(value, freedom)
    if math.sqrt(value) - math.sqrt(freedom + shift) > _FAR:
        return 0.0
    # far out in the tail, the terms that matter are not the likely ones: they lie around sqrt(half x value / 2)
    middle = max(half, math.sqrt(half * value / 2))
    j = np.arange(max(0, int(half - 9 * math.sqrt(half) - 15)), int(middle + 9 * math.sqrt(middle) + 15) + 1)
    weights = np.exp(j * math.log(half) - half - gammaln(j + 1))
    return min(1.0, float(weights @ chdtrc(freedom + 2 * j, value)))


@lru_cache(maxsize=16384)
def noncentral_limit(alpha: float, freedom: int, shift: float) -> float:
    """Return the value whose tail is `alpha`: what a statistic has to exceed. Its tail is within 1e-7 of `alpha`."""
    near = _patnaik(alpha, freedom, shift)
    low, high = 0.98 * near, 1.02 * near
    while noncentral_tail(low, freedom, shift) < alpha:
        low *= 0.9
    while noncentral_tail(high, freedom, shift) > alpha:
        high *= 1.1
    return _root(lambda value: _excess(noncentral_tail(value, freedom, shift), alpha), low, high)


def _patnaik(alpha: float, freedom: int, shift: float) -> float:
    """Return nearly the limit: the law is nearly a scaled chi-squared one (Patnaik, Biometrika 1949)."""
    mean, half_variance = freedom + shift, freedom + 2 * shift
    return half_variance / mean * float(chdtri(mean * mean / half_variance, alpha))


def noncentral_shift(value: float, freedom: int, probability: float) -> float:
    """Return the noncentrality at which `value` is reached with this probability; 0 where it is without any.

    With a small probability it is what `value` speaks against, with 0.8 what is found four times in five.
    """
    if chi2_tail(value, freedom) >= probability:
        return 0.0
    high = value
    while noncentral_tail(value, freedom, high) < probability:
        high *= 2
    return _root(lambda shift: -_excess(noncentral_tail(value, freedom, shift), probability), 0.0, high)


def binomial_tail(hits: int, rows: int, share: float) -> float:
    """Return P(X >= hits) of the binomial law."""
    if hits <= 0:
        return 1.0
    return float(betainc(hits, rows - hits + 1, share)) if hits <= rows else 0.0


def upper_share(hits: int, rows: int, confidence: float) -> float:
    """Return the Clopper-Pearson upper bound of a share (Clopper & Pearson, Biometrika 1934); 1 without rows."""
    return 1.0 if hits >= rows else float(betaincinv(hits + 1, rows - hits, confidence))


def _excess(tail: float, alpha: float) -> float:
    """How far a tail is above the level, in logarithms, where it is nearly straight."""
    return math.log(max(tail, 1e-300)) - math.log(alpha)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where an excess that is positive at `low` ends: regula falsi in the way of Illinois (Dowell & Jarratt, BIT 1971)."""
    at_low, at_high = excess(low), excess(high)
    for _ in range(_STEPS):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at = excess(middle)
        if (at > 0) is (at_high > 0):
            at_low = at_low / 2
        else:
            low, at_low = high, at_high
        high, at_high = middle, at
        if abs(at) < _CLOSE:
            break
    return high
