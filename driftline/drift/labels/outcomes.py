"""Outcomes as numbers of 8 bytes, equal ones as equal numbers, so that a memory of millions is two columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "Outcomes", "Value"]

Value = float | str
"""A number is finite."""

UNKNOWN = 0x7FF8 << 48
"""No outcome. As a float64 it is NaN, which no outcome is; the texts are the NaNs after it."""

Codes = NDArray[np.int64]


class Outcomes:
    """The texts that were met, by their codes; a number is its own code."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """`texts` as an earlier one had them."""
        self.texts = list(texts)
        self._codes = {text: UNKNOWN + 1 + at for at, text in enumerate(self.texts)}

    def codes(self, values: Sequence[Value]) -> Codes:
        """Code of each value; texts that are new are remembered."""
        distinct = dict.fromkeys(values)
        if not any(isinstance(value, str) for value in distinct):
            return _bits(values)
        codes = {value: self._code(value) for value in distinct}
        return np.array([codes[value] for value in values], np.int64)

    def values(self, codes: Codes) -> list[Value]:
        """Return the values of codes, UNKNOWN not among them."""
        numbers = codes.view(np.float64).tolist()
        return [
            self.texts[code - UNKNOWN - 1] if code > UNKNOWN else number
            for code, number in zip(codes.tolist(), numbers, strict=True)
        ]

    def _code(self, value: Value) -> int:
        if not isinstance(value, str):
            return int(_bits([value])[0])
        if value not in self._codes:
            self.texts.append(value)
            self._codes[value] = UNKNOWN + len(self.texts)
        return self._codes[value]


def _bits(numbers: Sequence[Value]) -> Codes:
    return (np.array(numbers, np.float64) + 0.0).view(np.int64)  # 0.0 and -0.0 are one outcome
