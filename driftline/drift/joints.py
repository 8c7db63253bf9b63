"""What a baseline knows of two things at once: each column by the predicted class, and the score by class and outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.events import BaselineColumn, BaselineJoint, ColumnKind
from driftline.events.columns import LABEL, PREDICTION, SCORE

__all__ = ["MAXIMUM_CLASSES", "Values", "cells_of", "joints_of", "numbers_of"]

MAXIMUM_CLASSES = 10
"""Of a model with more classes no joint counts are kept."""
Integers = NDArray[np.int64]
Values = NDArray[np.generic] | Sequence[float | str | None]


def joints_of(fitted: Sequence[BaselineColumn], columns: Mapping[str, Values]) -> tuple[BaselineJoint, ...]:
    """Count cells by predicted class, and of the score by outcome too; nothing for regressions, or without predictions."""
    by_name = {column.name: column for column in fitted}
    prediction = by_name.get(PREDICTION)
    if prediction is None or not _classes(prediction):
        return ()
    predicted = cells_of(prediction, columns[PREDICTION])
    label = by_name.get(LABEL)
    found = [
        joint
        for column in fitted
        if not column.name.startswith(":")
        for joint in _by_class(column, cells_of(column, columns[column.name]), prediction, predicted)
    ]
    if SCORE in by_name and label is not None and _classes(label):
        score, actual = cells_of(by_name[SCORE], columns[SCORE]), cells_of(label, columns[LABEL])
        for code, outcome in enumerate(label.categories, 2):
            chosen = actual == code
            found += _by_class(by_name[SCORE], score[chosen], prediction, predicted[chosen], outcome)
    return tuple(found)


def _classes(column: BaselineColumn) -> bool:
    return column.kind is ColumnKind.CATEGORICAL and 0 < len(column.categories) <= MAXIMUM_CLASSES


def _by_class(
    column: BaselineColumn, cells: Integers, prediction: BaselineColumn, predicted: Integers, actual: str | None = None
) -> Iterator[BaselineJoint]:
    for code, name in enumerate(prediction.categories, 2):
        counts = np.bincount(cells[predicted == code], minlength=len(column.counts))
        if counts.any():
            yield BaselineJoint(column=column.name, predicted=name, actual=actual, counts=tuple(counts.tolist()))


def cells_of(column: BaselineColumn, values: Values) -> Integers:
    """The cell of each row in the order of the layout; what the baseline was fitted on has nothing below or above."""
    if column.kind is ColumnKind.CATEGORICAL:
        codes: dict[object, int] = {text: code for code, text in enumerate(column.categories, 2)} | {None: 0}
        texts = values.tolist() if isinstance(values, np.ndarray) else values
        return np.array([codes.get(_text(value), 1) for value in texts], np.int64)
    numbers, null = numbers_of(values), _nulls(values)
    cells = 3 + np.searchsorted(np.array(column.edges), numbers, side="right").astype(np.int64)
    return np.where(null, 0, np.where(np.isnan(numbers), 1, cells))


def numbers_of(values: Values) -> NDArray[np.float64]:
    """A column of numbers; NaN where there is none."""
    if isinstance(values, np.ndarray) and values.dtype != np.object_:
        return np.where(_nulls(values), np.nan, np.ma.getdata(values).astype(np.float64))
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _nulls(values: Values) -> NDArray[np.bool_]:
    if isinstance(values, np.ndarray) and values.dtype != np.object_:
        return np.asarray(np.ma.getmaskarray(values))
    return np.array([value is None for value in values], np.bool_)


def _text(value: object) -> object:
    return value if value is None or isinstance(value, str) else "true" if value else "false"
