"""A small picture in one line of text, for every channel that shows text."""

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, most: int = 40) -> str:
    """A bar for each of the first values, from zero up to the largest of them; what is no number is the lowest, no values are nothing."""
    shown = [max(0.0, value) if math.isfinite(value) else 0.0 for value in values[:most]]
    top = max(shown, default=0.0)
    if not top:
        return _BARS[0] * len(shown)
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in shown)
