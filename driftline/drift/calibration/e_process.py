"""Betting against "the rate is still tolerable", one ordered pane after the other.

An e-process is the wealth of somebody who bets against the null hypothesis at fair odds; large wealth is evidence, and no
assumption of independence is needed: E[x_t | past] <= m0 is all. The detector is the Shiryaev-Roberts sum over a mixture of bets
(Shin, Ramdas & Rinaldo, "E-detectors", New England Journal of Statistics in Data Science 2023):

    M_k <- (M_k + 1) L_k        L_k = (1 + lambda_k (1 - m0))^S (1 - lambda_k m0)^(n - S)        M = mean_k M_k

for a pane of n events in [0, 1] with the sum S. For events that are 0 or 1, L_k is the product of 1 + lambda_k (x_i - m0), whatever
their order; for others it is a lower bound of that product (the logarithm is concave). Alarm when M >= A; then the expected
number of panes up to a false alarm is at least A.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from driftline.drift.calibration.size_aware import furthest_share
from driftline.drift.calibration.tails import upper_share

__all__ = ["BETS", "Bettor", "Stream", "ever", "fractions_won", "mean_of", "observe", "tolerated", "value"]

BETS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""lambda_k; those that could lose everything (lambda m0 >= 1) are left out."""
CONFIDENCE = 0.99
"""Of the upper bound that the baseline's rate is taken at: the plug-in estimate breaks the guarantee."""
_DIGITS = 6  # of stored logarithms: the state stays short, and 1e-6 of the wealth is nothing


@dataclass(frozen=True, slots=True)
class Bettor:
    """Who bets: `m0` is the largest tolerable mean, `bets` the lambdas that are safe for it."""

    m0: float
    bets: tuple[float, ...]

    @staticmethod
    def against(m0: float) -> Bettor:
        """Return the bettor of a tolerable mean in [0, 1). From 1 on there is no bet: nothing can be beyond."""
        return Bettor(m0, tuple(bet for bet in BETS if bet * m0 < 1) if m0 < 1 else ())

    def gains(self, total: float, n: float) -> list[float]:
        """Return ln L_k of a pane: `n` events in [0, 1] that add up to `total`."""
        return [total * math.log1p(bet * (1 - self.m0)) + (n - total) * math.log1p(-bet * self.m0) for bet in self.bets]


@dataclass(frozen=True, slots=True)
class Stream:
    """State of one detector: what has been won, as ln M_k, and whether it is still in alarm."""

    wealth: tuple[float, ...] = ()
    """Empty at the beginning and after an alarm: M_k = 0."""
    alarmed: bool = False
    """From an alarm until a pane whose own mean is tolerable: the shift that was told lasts."""


@lru_cache(maxsize=65536)
def tolerated(hits: int, rows: int, tau: float, choices: int = 1) -> float:
    """Return m0 of a rate: the 99 % upper bound of the baseline's, and from there as far as a PSI of `tau` goes.

    The two-cell PSI of rates p and q is (p - q) (logit p - logit q). 1 without rows of the baseline: no bet. Of a rate that was
    chosen among several because the baseline's was low, the bounds of all of them hold at once (Bonferroni).
    """
    return furthest_share(upper_share(hits, rows, 1 - (1 - CONFIDENCE) / choices), tau) if rows > 0 else 1.0


def value(stream: Stream) -> float:
    """Return M, the evidence against the null so far; infinite rather than an overflow."""
    return mean_of(stream.wealth)


def mean_of(wealth: Sequence[float]) -> float:
    """Return the mean of M_k from their logarithms; 0 for none."""
    if not wealth:
        return 0.0
    log = _log_mean(wealth)
    return math.exp(log) if log < 700 else math.inf


def observe(stream: Stream, bettor: Bettor, total: float, n: float) -> Stream:
    """Bet on one more pane. A pane without events changes nothing. The caller compares `value` with A and calls `settle`."""
    if n <= 0 or not bettor.bets:
        return stream
    before = stream.wealth if len(stream.wealth) == len(bettor.bets) else (-math.inf,) * len(bettor.bets)
    gains = bettor.gains(total, n)
    wealth = tuple(round(_one_more(old) + gain, _DIGITS) for old, gain in zip(before, gains, strict=True))
    return Stream(wealth, stream.alarmed)


def fractions_won(wealth: Sequence[float], fractions: Sequence[float], odds: float) -> tuple[float, ...]:
    """Bet fractions f_k < 1 of what could be lost on one observation: M_k <- (M_k + 1) (1 - f_k + f_k `odds`), `odds` = x / m0."""
    before = wealth or (-math.inf,) * len(fractions)
    bets = zip(before, fractions, strict=True)
    return tuple(round(_one_more(old) + math.log(1 - part + part * odds), _DIGITS) for old, part in bets)


def settle(stream: Stream, bettor: Bettor, total: float, n: float, *, alarm: bool) -> Stream:
    """Return the stream after the pane was judged: an alarm begins anew; an old one ends at the first tolerable pane.

    A fresh alarm always needs A from nothing, so that false ones stay as rare as promised.
    """
    if alarm:
        return Stream((), alarmed=True)
    lasts = stream.alarmed and (n <= 0 or total > bettor.m0 * n)
    return Stream(stream.wealth, alarmed=lasts)


def ever(wealth: Sequence[float], bettor: Bettor, total: float, n: float) -> tuple[float, ...]:
    """Bet on one more pane without beginning anew: ln E_k <- ln E_k + ln L_k, from an empty sequence (E_k = 1).

    The mean of E_k reaches 1 / delta with probability at most delta, *ever* (Ville's inequality): for a promise over the
    whole life of a model instead of a rate.
    """
    before = wealth or (0.0,) * len(bettor.bets)
    return tuple(round(old + gain, _DIGITS) for old, gain in zip(before, bettor.gains(total, n), strict=True))


def _one_more(log: float) -> float:
    """ln(e^log + 1)."""
    return log + math.log1p(math.exp(-log)) if log > 0 else math.log1p(math.exp(log))


def _log_mean(logs: Sequence[float]) -> float:
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))
