"""Do rows lie as far from the middle of the reference as they used to, seen along its own axes?

The mean squared Mahalanobis distance of a pane, as in Hotelling's T^2 charts and in SPLL (Kuncheva, "Change Detection in
Streaming Multivariate Data Using Likelihood Detectors", TKDE 2013). Shifts of means, spreads and correlations all move it, and
it needs no rows: for a pane it is trace(P S), where S, the second moments about the reference's mean, adds up over panes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from driftline.drift.detectors.protocol import MalformedState, Verdict, pack

__all__ = ["KIND", "MomentShift", "Moments"]

Floats = NDArray[np.float64]
KIND = "moments"
REFERENCE_PANES = 20
ALPHA = 1e-6
"""Chance of a false alarm at one pane, if the log of distances is normal from pane to pane."""
_LEAST, _LEAST_SHARE, _QUIETEST = 1e-12, 1e-9, 1e-3
"""The least variance of a column, alone and as a share of its squared mean (below it float64 sums are noise), and the least
noise of log distances: constant rows are not alarmed by their rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """n, sum of rows, sum of their outer products, of complete rows. They add.

    Columns should be about 0 and of unit size, (x - mean) / deviation of the baseline: squares of numbers far from 0 lose
    what distinguishes them.
    """

    n: float
    sums: Floats
    products: Floats

    @staticmethod
    def of(rows: Floats, reach: float = np.inf) -> Moments:
        """Of (rows, columns); rows with a number that is not finite are left out, numbers beyond `reach` count as it.

        Squares of a heavy tail never settle: with columns in units of the baseline's deviation, a reach of 4 makes alarms on
        nothing as rare as with normal ones (bench/bench_detectors.py).
        """
        kept = np.clip(rows[np.isfinite(rows).all(axis=1)], -reach, reach)
        return Moments(float(len(kept)), kept.sum(axis=0), kept.T @ kept)

    def __add__(self, other: Moments) -> Moments:
        """Of both sets of rows."""
        return Moments(self.n + other.n, self.sums + other.sums, self.products + other.products)

    def flat(self) -> Floats:
        """As one vector."""
        return np.concatenate(([self.n], self.sums, self.products.ravel()))

    @staticmethod
    def unflat(vector: Floats, columns: int) -> Moments:
        """From that vector."""
        return Moments(float(vector[0]), vector[1 : 1 + columns], vector[1 + columns :].reshape(columns, columns))


class MomentShift:
    """Learns its reference from the first panes, then watches; after an alarm it learns anew. Implements `Detector[Moments]`.

    The noise between panes is taken from the panes of the reference themselves, so that rows which depend on each other
    (seasons, sessions) make it larger by as much as they must. The pane that alarms is left out of the next reference.
    """

    def __init__(self, columns: int, *, panes: int = REFERENCE_PANES, alpha: float = ALPHA) -> None:
        self.columns, self.panes, self.alpha = columns, panes, alpha
        self._reference: list[Moments] = []
        self._judge: _Judge | None = None

    def observe(self, pane: Moments) -> Verdict:
        """Take the moments of one more pane; one without rows says nothing."""
        if pane.n <= 0:
            return Verdict(detected=False)
        if self._judge is None:
            self._reference.append(pane)
            if len(self._reference) >= self.panes:
                self._judge = _Judge.of(self._reference)
            return Verdict(detected=False)
        judge = self._judge
        p_value = judge.p_value(pane)
        detected = p_value <= self.alpha
        if detected:
            self._reference, self._judge = [], None
        return Verdict(detected, judge.distance(pane), math.exp(judge.centre), p_value)

    def to_bytes(self) -> bytes:
        """Parameters and the moments of the reference's panes: what it judges by follows from them."""
        header = {"columns": self.columns, "panes": self.panes, "alpha": self.alpha}
        numbers = [pane.flat() for pane in self._reference]
        return pack(KIND, np.concatenate(numbers) if numbers else np.empty(0), **header)

    @staticmethod
    def of(header: dict[str, Any], numbers: Sequence[float]) -> MomentShift:
        """The detector of an unpacked state. Raises MalformedState."""
        try:
            made = MomentShift(int(header["columns"]), panes=int(header["panes"]), alpha=float(header["alpha"]))
            size = 1 + made.columns * (made.columns + 1)
            made._reference = [Moments.unflat(row, made.columns) for row in np.asarray(numbers, float).reshape(-1, size)]
        except (KeyError, TypeError, ValueError) as error:
            message = f"no state of a moment detector: {error}"
            raise MalformedState(message) from error
        if len(made._reference) >= made.panes:
            made._judge = _Judge.of(made._reference)
        return made


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """The reference as it is used."""

    mean: Floats
    precision: Floats
    out_of_sample: float
    """What makes distances of rows outside the reference comparable with those of its own rows."""
    centre: float
    noise: float
    freedom: int

    @staticmethod
    def of(panes: Sequence[Moments]) -> _Judge:
        total = panes[0]
        for pane in panes[1:]:
            total = total + pane
        n, columns = total.n, len(total.sums)
        mean = total.sums / n
        covariance = total.products / n - np.outer(mean, mean)
        # A column that is constant, or follows from others, would have no inverse: it has a little spread of its own.
        spread = np.sqrt(np.maximum(np.diag(covariance), _LEAST_SHARE * mean**2 + _LEAST))
        relations = covariance / np.outer(spread, spread)
        np.fill_diagonal(relations, 1.0)
        inverse: Floats = np.linalg.inv(relations + 1e-6 * np.eye(columns)).astype(np.float64)
        precision = inverse / np.outer(spread, spread)
        # E d^2 of a new normal row is columns (n^2 - 1) / (n (n - columns - 2)), that of the reference's own columns (n - 1) / n.
        factor = max(n - columns - 2, 1.0) / (n + 1)
        plain = _Judge(mean, precision, 1.0, 0.0, 1.0, 1)
        logs = np.log([plain.distance(pane) for pane in panes])
        noise = max(float(logs.std(ddof=1)), _QUIETEST) if len(logs) > 1 else 1.0
        return _Judge(mean, precision, factor, float(logs.mean()), noise, max(len(logs) - 1, 1))

    def distance(self, pane: Moments) -> float:
        """Mean squared distance of the rows of a pane, above 0."""
        about = pane.products / pane.n - np.outer(pane.sums / pane.n, self.mean)
        second = about - np.outer(self.mean, pane.sums / pane.n) + np.outer(self.mean, self.mean)
        return max(float((self.precision * second).sum()) * self.out_of_sample, _LEAST)

    def p_value(self, pane: Moments) -> float:
        """Two-sided, of Student's t: a new pane against the mean of the reference's."""
        t = (math.log(self.distance(pane)) - self.centre) / (self.noise * math.sqrt(1 + 1 / (self.freedom + 1)))
        return float(2 * stdtr(self.freedom, -abs(t)))
