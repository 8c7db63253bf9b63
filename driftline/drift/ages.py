"""How old a time is at an event: what columns of times are counted as. numpy only, as `driftline baseline` needs it."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from driftline.envelope import moment_of

SECOND_US = 1e6
_LONGEST = 64
"""Characters; no notation of ISO 8601 needs half of it."""
_DIGITS = re.compile(r"-?\d{9,18}(\.0)?", re.ASCII)
"""A number of microseconds that became text beside others; eight digits are a date."""


def instant(text: str) -> float:
    """Microseconds since 1970 UTC of a time in ISO 8601 (UTC where it names no zone) or of digits; NaN of any other text."""
    if len(text) > _LONGEST:
        return math.nan
    if _DIGITS.fullmatch(text):
        return float(text)
    try:
        return float(moment_of(text))
    except ValueError:
        return math.nan


def ages(moments: NDArray[np.float64], event_time: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds from moments to events, both in microseconds since 1970; negative for a time to come, NaN for NaN.

    Exact to the microsecond within 285 years of 1970, and never beyond what a double holds.
    """
    return (event_time.astype(np.float64) - moments) / SECOND_US
