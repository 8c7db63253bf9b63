"""What a baseline keeps so that errors of a regression can be estimated: the one column that tells most about their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.drift.estimation.absolute_error import ErrorModel
from driftline.drift.joints import Values, cells_of, numbers_of
from driftline.events import BaselineColumn, BaselineErrors
from driftline.events.columns import LABEL, PREDICTION

__all__ = ["errors_of"]

MAXIMUM_ROWS = 200_000
"""Of a longer reference every second row is looked at, or every third, and so on."""
_LEAST = 200
"""Rows with a prediction and an outcome, below which nothing is learned."""


def errors_of(fitted: Sequence[BaselineColumn], columns: Mapping[str, Values]) -> tuple[BaselineErrors, ...]:
    """Fit the sizes of errors on each column, and return the model that parts them best; nothing where all are alike.

    One column, because the counts of a window are known by column: kinds of rows by several would have to be counted apart.
    """
    errors = numbers_of(columns[PREDICTION]) - numbers_of(columns[LABEL])
    if np.isfinite(errors).sum() < _LEAST:
        return ()
    chosen = slice(None, None, -(-len(errors) // MAXIMUM_ROWS))
    found = []
    for column in fitted:
        if column.name != LABEL:
            cells = cells_of(column, columns[column.name])[chosen]
            model = ErrorModel.fit(cells, len(column.counts), errors[chosen], categorical=not column.kind.numeric)
            found.append((_told(model), column.name, model))
    told, name, best = max(found, key=lambda each: (each[0], each[1]))
    return (BaselineErrors(column=name, model=best.to_json()),) if told > 0 else ()


def _told(model: ErrorModel) -> float:
    """How much of the squares of the errors' sizes lies between the kinds of rows."""
    known = model.rows > 0
    rows, sizes = model.rows[known], model.absolute[known]
    whole: NDArray[np.float64] = sizes.sum() ** 2 / rows.sum()
    return float((sizes**2 / rows).sum() - whole) if known.sum() > 1 else 0.0
