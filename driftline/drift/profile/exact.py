"""Sums of real numbers that add and subtract exactly, as whole numbers.

A float64 sum forgets: (a + b) - b is rarely a. A label that changes takes its old contribution back, so sums are kept in
fixed point: x becomes round(x / unit), cut into limbs of 32 bits, each in an int64 of its own that is never carried. Limbs
therefore add like counts, in any order and with either sign, and 2**31 rows fit before one could overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FixedPoint"]

_LIMB = 32
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """How a real number lies in whole ones: `limbs` of 32 bits, `fraction` bits of them below the point."""

    limbs: int
    fraction: int

    @property
    def resolution(self) -> float:
        """The unit: a term is off by at most half of it."""
        return math.ldexp(1.0, -self.fraction)

    @property
    def largest(self) -> float:
        """Terms beyond it (either sign) do not fit."""
        return math.ldexp(1.0, _LIMB * self.limbs - 1 - self.fraction)

    def fits(self, values: Floats) -> NDArray[np.bool_]:
        """Whether each value is finite and not too large."""
        fitting: NDArray[np.bool_] = np.abs(values) < self.largest
        return fitting

    def split(self, values: Floats) -> Integers:
        """Limbs of each value, lowest first, as (n, limbs). Values must fit (`fits`)."""
        rest = np.round(np.ldexp(np.asarray(values, np.float64), self.fraction))
        out = np.empty((len(rest), self.limbs), np.int64)
        for limb in range(self.limbs - 1, 0, -1):
            # Powers of two and towards zero: division and rest are exact in float64 (a floor of -1 would leave 2**64 - 1, which is not).
            top = np.trunc(np.ldexp(rest, -_LIMB * limb))
            out[:, limb] = top
            rest = rest - np.ldexp(top, _LIMB * limb)
        out[:, 0] = rest
        return out

    def whole(self, limbs: Integers) -> int:
        """The sum in units, exactly."""
        return sum(int(value) << (_LIMB * limb) for limb, value in enumerate(limbs.tolist()))

    def real(self, limbs: Integers) -> float:
        """The sum, rounded once."""
        return self.whole(limbs) / (1 << self.fraction)
