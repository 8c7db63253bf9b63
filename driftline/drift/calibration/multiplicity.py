"""Many tests, few false alarms: within a window, over time, and over streams of evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spending", "Wealth", "bh_level", "e_bh_level", "level", "lord_plus_plus", "simes", "spent"]

LONGEST = 200_000
"""Terms of gamma that are kept, as onlineFDR does; beyond them it is 0."""
REMEMBERED = 256
"""Rejections that a sequence remembers. Forgetting the oldest only lowers levels."""


def simes(p_values: Sequence[float]) -> float:
    """Return the p-value of "none of these is false": min over k of d p_(k) / k (Simes, Biometrika 1986); 1 for none.

    Holds for independent and positively dependent tests, such as columns that move together.
    """
    if not p_values:
        return 1.0
    ordered = np.sort(np.asarray(p_values, np.float64))
    return min(1.0, float(np.min(len(ordered) * ordered / np.arange(1, len(ordered) + 1))))


def bh_level(p_values: Sequence[float], alpha: float) -> float:
    """Return the level at or below which Benjamini & Hochberg (JRSS B 1995) reject: alpha k / d.

    k is the largest with p_(k) <= alpha k / d. With nothing to reject it is alpha / d, what the smallest would have needed.
    """
    d = len(p_values)
    if not d:
        return 0.0
    levels = alpha * np.arange(1, d + 1) / d
    passing = np.flatnonzero(np.sort(np.asarray(p_values, np.float64)) <= levels)
    return float(levels[passing[-1]] if len(passing) else levels[0])


def e_bh_level(e_values: Sequence[float], alpha: float) -> float:
    """Return the evidence from which e-BH (Wang & Ramdas, JRSS B 2022) rejects: d / (alpha k); any dependence is allowed.

    k is the largest with e_[k] >= d / (alpha k); with nothing to reject, d / alpha. On the current values of e-detectors
    this is e-d-BH (Dandapanthula & Ramdas, arXiv 2501.04130), where alpha is false alarms per pane of all streams together.
    """
    d = len(e_values)
    if not d or alpha <= 0:
        return math.inf
    needed = d / (alpha * np.arange(1, d + 1))
    passing = np.flatnonzero(np.sort(np.asarray(e_values, np.float64))[::-1] >= needed)
    return float(needed[passing[-1]] if len(passing) else needed[0])


@dataclass(frozen=True, slots=True)
class Spending:
    """How the budget of an endless sequence of tests is spent.

    alpha_t = initial x start_t + first gamma_{t - tau_1} + each sum_{j >= 2} gamma_{t - tau_j}, with tau_j the j-th rejection
    and both `start` and gamma adding up to at most 1. So expected false rejections <= initial + each x rejections
    (mFDR: Foster & Stine, JRSS B 2008), and LORD++ (Ramdas et al., NeurIPS 2017), which controls the share of false
    rejections at alpha, is initial = w0, first = alpha - w0, each = alpha.
    """

    initial: float
    first: float
    each: float
    horizon: int | None = None
    """Tests over which the initial budget is spread evenly; half of it is kept for those beyond, falling with the square.
    None: `start` is gamma, as in LORD++."""


@dataclass(frozen=True, slots=True)
class Wealth:
    """State of one sequence: tests so far, and which of them (from 1) rejected."""

    tests: int = 0
    rejections: tuple[int, ...] = ()
    forgotten: int = 0
    """Rejections no longer listed."""


def lord_plus_plus(alpha: float, w0: float | None = None) -> Spending:
    """Return LORD++ at `alpha`, with the initial wealth alpha / 10 of its authors."""
    start = alpha / 10 if w0 is None else w0
    return Spending(initial=start, first=alpha - start, each=alpha)


def level(spending: Spending, wealth: Wealth) -> float:
    """Return alpha_t of the next test."""
    t = wealth.tests + 1
    start = float(_gamma(np.array([t]))[0]) if spending.horizon is None else _even(t, spending.horizon)
    earned = _gamma(t - np.asarray(wealth.rejections, np.int64))
    found = spending.initial * start + spending.each * float(earned.sum())
    if len(earned) and not wealth.forgotten:
        found += (spending.first - spending.each) * float(earned[0])
    return found


def spent(wealth: Wealth, *, rejected: bool) -> Wealth:
    """Return the wealth after one more test."""
    t = wealth.tests + 1
    if not rejected:
        return Wealth(t, wealth.rejections, wealth.forgotten)
    rejections = (*wealth.rejections, t)
    over = max(0, len(rejections) - REMEMBERED)
    return Wealth(t, rejections[over:], wealth.forgotten + over)


def _gamma(lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """gamma_j = .07720838 ln(max(j, 2)) / (j e^sqrt(ln j)), from onlineFDR (Robertson et al., Bioinformatics 2019)."""
    table = _gammas()
    return np.where(lags <= LONGEST, table[np.minimum(lags, LONGEST)], 0.0)


@lru_cache(maxsize=1)
def _gammas() -> NDArray[np.float64]:
    j = np.arange(1, LONGEST + 1, dtype=np.float64)
    gamma = 0.07720838 * np.log(np.maximum(j, 2)) / (j * np.exp(np.sqrt(np.log(j))))
    return np.concatenate([[0.0], gamma])


def _even(t: int, horizon: int) -> float:
    return min(1.0, (horizon / t) ** 2) / (2 * horizon)
