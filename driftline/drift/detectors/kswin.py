"""KSWIN over samples: is the newest pane distributed as those before it?

Raab, Heusinger and Schleif, "Reactive Soft Prototype Computing for Concept Drift Streams", Neurocomputing 2020; the test is
river's. Fed event by event it tests at every one of them, some 3,000 a second, and alarms often on nothing; here it takes a
bounded sample of each decided pane and tests once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.detectors.protocol import MalformedState, Verdict, pack
from driftline.drift.detectors.river_detectors import river_detectors
from driftline.drift.detectors.seeds import seed_of
from driftline.drift.profile.layout import KSWIN

__all__ = ["KIND", "KsWin"]

KIND = KSWIN
MEMORY = 4
"""Panes in memory: the newest is compared with as many values drawn from the others."""


class KsWin:
    """KSWIN with one test per pane. Implements `Detector[Sequence[float]]`.

    A pane is a sample of `size` values in an order that has nothing to do with them (that of their hashes); of a longer one
    the first `size` count, a shorter one is remembered and not tested. `series` names the series: together with the number
    of the pane it seeds the draw from the past, so that a restart draws the same.
    """

    def __init__(self, series: str, *, size: int = 200, alpha: float = 0.0001) -> None:
        self.series, self.size, self.alpha = series, size, alpha
        self._panes = 0
        self._past: list[float] = []

    def observe(self, pane: Sequence[float] | NDArray[np.float64]) -> Verdict:
        """Test the values of one more pane against those remembered; NaN are left out."""
        values = [float(value) for value in pane if math.isfinite(value)][: self.size]
        self._panes += 1
        longest = MEMORY * self.size
        if len(values) < self.size or len(self._past) + len(values) < longest:
            self._past = (self._past + values)[-longest:]
            return Verdict(detected=False)
        before = (self._past + values[:-1])[-longest:]
        seed = seed_of(self.series, self._panes)
        detector = river_detectors().KSWIN(self.alpha, window_size=longest, stat_size=self.size, seed=seed, window=before)
        detector.update(values[-1])
        detected = bool(detector.drift_detected)
        past = self._past
        self._past = values if detected else [float(value) for value in detector.window]
        return Verdict(detected, float(np.median(values)), float(np.median(past)), float(detector.p_value))

    def to_bytes(self) -> bytes:
        """Parameters, the number of panes, and the values remembered."""
        header = {"series": self.series, "size": self.size, "alpha": self.alpha, "panes": self._panes}
        return pack(KIND, np.array(self._past, np.float64), **header)

    @staticmethod
    def of(header: dict[str, Any], numbers: Sequence[float]) -> KsWin:
        """The detector of an unpacked state. Raises MalformedState."""
        try:
            made = KsWin(str(header["series"]), size=int(header["size"]), alpha=float(header["alpha"]))
            made._panes = int(header["panes"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"no state of KSWIN: {error}"
            raise MalformedState(message) from error
        made._past = list(numbers)
        return made
