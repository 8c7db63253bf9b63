"""PSI that knows how many rows it was computed from: how much of it is noise, and whether the rest is more than tolerated.

With B cells, n rows against m of the baseline and s = 1/n + 1/m, PSI / s of equal distributions follows chi-squared with B - 1
degrees of freedom: PSI is Pearson's statistic to second order (and 2 KL, 8 Hellinger^2, 8 JSD in nats, so this p-value serves
them all). At a true PSI of tau it follows the non-central law with noncentrality tau / s (Potgieter et al., arXiv 2307.11878).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.calibration import tails
from driftline.drift.calibration.cells import merge

__all__ = ["Comparison", "compare", "furthest_share", "smoothed"]

HALF = 0.5  # rows added to every cell: keeps PSI finite and its tail where chi-squared has it
RARE_WEIGHT = 0.1
"""Part of the level that the exact test of rare cells gets, where there are such cells."""
BASELINE_DOUBT = 1e-9
"""Of that test: probability that the baseline's share lies beyond its bound (Berger & Boos, JASA 1994), part of the p-value."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One column of a window against its baseline."""

    n: int
    m: int
    psi: float
    """Of the merged and smoothed cells; the measure `psi` is of the raw ones."""
    freedom: int
    """Merged cells - 1; 0 where only the rare ones can be tested."""
    scale: float
    """(1/n + 1/m) x over-dispersion: what one degree of freedom adds to PSI by chance."""
    rare: tuple[int, int] | None
    """Effective hits and rows of the window in its rare cells, where they are tested,"""
    rare_bound: float
    """and the largest share that the baseline allows them."""

    @property
    def p_any(self) -> float:
        """P-value of "nothing changed"."""
        return self.p_beyond(0.0)

    def p_beyond(self, tau: float) -> float:
        """P-value of "the true PSI is at most `tau`"."""
        main = 1.0
        if self.freedom:
            main = tails.noncentral_tail(self.psi / self.scale, self.freedom, tau / self.scale)
        if self.rare is None:
            return main
        share = furthest_share(self.rare_bound, tau)
        rare = tails.binomial_tail(*self.rare, share) + BASELINE_DOUBT
        return min(1.0, main / (1 - RARE_WEIGHT), rare / RARE_WEIGHT)

    def limit(self, tau: float, alpha: float) -> float:
        """Return the PSI above which p_beyond(tau) < alpha (rare cells may break it alone); infinite without freedom."""
        if not self.freedom:
            return float("inf")
        level = alpha if self.rare is None else alpha * (1 - RARE_WEIGHT)
        return self.scale * tails.noncentral_limit(level, self.freedom, tau / self.scale)


def compare(baseline: Counts, current: Counts, *, ordered: bool, dispersion: float = 1.0) -> Comparison | None:
    """Compare counts of the same cells; None where they cannot differ or a side is too small for two cells.

    `dispersion` >= 1 is how much more windows vary than independent rows would (first order of Rao & Scott, 1984): all
    is as if so many times fewer had been seen. Valid from about 40 rows of the window and 40 of the baseline on; the fewer, the fewer cells.
    At a true PSI of exactly tau >= 0.1 that comes from a cell running empty, the level is exceeded (1.6 to 4.6 x at 0.01,
    0.1); for shifts, spikes and spreads it holds within 0.7 to 1.5 x.
    """
    n, m = int(current.sum()), int(baseline.sum())
    if not n or not m:
        return None
    merged = merge(baseline, current, ordered=ordered, dispersion=dispersion)
    freedom = len(merged.baseline) - 1
    if not freedom and merged.rare is None:
        return None
    bound = 1.0
    rare = None
    if merged.rare is not None:
        hits, rows = (int(part / dispersion) for part in (merged.rare[1], n))
        rare = (hits, max(rows, 1))
        bound = tails.upper_share(merged.rare[0], m, 1 - BASELINE_DOUBT)
    return Comparison(
        n=n,
        m=m,
        psi=smoothed(merged.baseline / dispersion, merged.current / dispersion) if freedom else 0.0,
        freedom=freedom,
        scale=(1 / n + 1 / m) * dispersion,
        rare=rare,
        rare_bound=bound,
    )


def smoothed(baseline: NDArray[Any], current: NDArray[Any]) -> float:
    """Return sum((p - q) ln(p / q)) with half a row added to every cell."""
    p, q = current + HALF, baseline + HALF
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def furthest_share(share: float, tau: float) -> float:
    """Return the largest share p >= `share` whose two-cell PSI against it is at most `tau`; `share` for tau = 0.

    (p - q) ln(p / q) + (q - p) ln((1 - p) / (1 - q)) = tau. Merging cells only lowers PSI, so a rate beyond this is a
    shift of more than tau however the rest of the column is distributed. With a share of 0 nothing more is allowed.
    """
    if tau <= 0 or share >= 1 or share <= 0:
        return min(max(share, 0.0), 1.0)
    odds = np.log(share / (1 - share))
    low, high = share, 1.0
    for _ in range(60):
        p = (low + high) / 2
        within = p < 1 and (p - share) * (np.log(p / (1 - p)) - odds) <= tau
        low, high = (p, high) if within else (low, p)
    return low
