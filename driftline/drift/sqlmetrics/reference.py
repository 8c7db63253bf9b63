"""Business metrics of a baseline: what drift metrics compare windows with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.partial import Partial
from driftline.drift.profile.wire import MalformedProfile
from driftline.drift.sqlmetrics.program import Key, MetricValue, Program
from driftline.drift.sqlmetrics.vectors import Texts, Type, Vector, null_vector, numbers, texts
from driftline.events.columns import LABEL

__all__ = ["of_rows", "values_of"]

Values = NDArray[np.generic] | Sequence[float | str | None]
"""As a baseline is fitted on."""


def of_rows(program: Program, columns: Mapping[str, Values], rows: int) -> bytes:
    """The partials of the rows of a reference, and of those with an outcome, one after the other.

    Columns by the names that a monitor has for them; one that is missing is NULL.
    """
    kinds = {**program.inputs.columns, **program.pairs.columns}
    vectors = {name: _vector(columns.get(name), kind, rows) for name, kind in kinds.items()}
    label = vectors.get(LABEL, np.full(rows, np.nan))
    known = label.flags if isinstance(label, Texts) else ~np.isnan(np.asarray(label, np.float64))
    pairs = program.pairs.partials(vectors, np.where(known, 0, -1).astype(np.int32), rows, 1)[0]
    return program.inputs.partial(vectors, rows).encode() + pairs.encode()


def values_of(program: Program, data: bytes) -> Mapping[Key, MetricValue] | None:
    """The values of a reference, None where it was counted by other metrics."""
    middle = program.inputs.room.bytes
    try:
        inputs = Partial.decode(program.inputs.room, data[:middle])
        pairs = Partial.decode(program.pairs.room, data[middle:])
    except MalformedProfile:
        return None
    return program.finish(inputs, pairs)


def _vector(values: Values | None, kind: Type, rows: int) -> Vector:
    if values is None:
        return null_vector(kind, rows)
    if kind is Type.TEXT:
        return texts([None if value is None else str(value) for value in values])
    if isinstance(values, np.ma.MaskedArray):
        return numbers(np.asarray(values.filled(np.nan), np.float64))
    return numbers(np.array([np.nan if value is None else value for value in values], np.float64))
