"""Counts for the tests of measures."""

from typing import Any

import numpy as np
from hypothesis import strategies as st


def counts(*values):
    """Counts of cells."""
    return np.array(values, np.int64)


def of(measure: Any, *columns: Any) -> Any:
    """A measure of columns that are known to have a value."""
    return measure(*columns)


def _columns(cells):
    side = st.lists(st.integers(0, 50), min_size=cells, max_size=cells).map(lambda found: counts(*found))
    return st.tuples(side, side)


CELLS = st.integers(2, 12).flatmap(_columns)
"""Two columns of counts of the same cells."""
