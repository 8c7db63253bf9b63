"""Columns of predictions as the label join remembers them: a number of 8 bytes for each row and column.

A number is its float64 (NaN = NULL), a text its hash (0 = NULL). The texts behind the hashes are kept of columns that
are read (LIKE, LOWER, ...); of the others equality is all that is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.drift.sqlmetrics.plan import Plan
from driftline.drift.sqlmetrics.vectors import Texts, Type, Vector, numbers, texts, vector_among
from driftline.events.columns import LABEL

__all__ = ["pack", "unpack"]

Cells = NDArray[np.uint64]
_NULL = np.uint64(0)


def pack(plan: Plan, columns: Mapping[str, Column], chosen: NDArray[np.int64], rows: int) -> tuple[Cells, dict[int, str]]:
    """What a plan of pairs wants of the chosen predictions (indices of `rows` rows), and the texts that it reads."""
    names = _names(plan)
    cells = np.empty((len(chosen), len(names)), np.uint64)
    words: dict[int, str] = {}
    for at, name in enumerate(names):
        vector = vector_among(columns.get(name), plan.columns[name], chosen, rows)
        if isinstance(vector, Texts):
            cells[:, at] = np.where(vector.flags, vector.hashes, _NULL)
            if name in plan.spelled:
                known = vector.words()
                words |= {found: known[found] for found in np.unique(cells[:, at]).tolist() if found in known}
        else:
            cells[:, at] = np.ascontiguousarray(vector, np.float64).view(np.uint64)
    return cells, words


def unpack(plan: Plan, cells: Cells, words: Mapping[int, str], actual: Sequence[float | str]) -> dict[str, Vector]:
    """The columns of a plan of pairs from what `pack` gave, and the outcomes. `cells` may be wider than that."""
    found: dict[str, Vector] = {}
    for at, name in enumerate(_names(plan)):
        column = np.ascontiguousarray(cells[:, at])
        if plan.columns[name] is Type.NUMBER:
            found[name] = column.view(np.float64)
        else:
            found[name] = Texts(column, column != _NULL, lambda: words)
    if plan.columns.get(LABEL) is Type.NUMBER:
        found[LABEL] = numbers(np.array(actual, np.float64))
    elif LABEL in plan.columns:
        found[LABEL] = texts([str(value) for value in actual])
    return found


def _names(plan: Plan) -> list[str]:
    return [name for name in plan.columns if name != LABEL]
