"""Many rows against a monitor, as columns: one function for HTTP ingest, for stage 1 and for the label join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.errors import Reason
from driftline.events import Monitor

REASONS: tuple[Reason | None, ...] = (
    None,
    Reason.INVALID_ID,
    Reason.OUT_OF_RANGE,
    Reason.FUTURE_EVENT_TIME,
    Reason.MISSING_FIELD,
    Reason.WRONG_TYPE,
    Reason.NON_FINITE,
)
"""What `Verdict.reason` indexes; 0 is an accepted row."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of n rows of one model.

    `columns` maps a monitor's column names (features, `:prediction`, `:score`) to columns of n rows; a name that is
    missing is null in every row.
    """

    prediction_id: Column
    event_time: NDArray[np.int64]
    append_time: NDArray[np.int64]
    """By HTTP: now."""
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of each row: the first objection in the order id, event time, columns of the monitor."""

    code: NDArray[np.uint8]
    """0 = accepted, else an index into REASONS."""
    place: NDArray[np.int16]
    """Index into `fields` of the field at fault; meaningless for an accepted row."""
    fields: tuple[str, ...]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """True where the row counts."""
        return self.code == 0

    def reason(self, row: int) -> Reason | None:
        """Why a row is refused, None for an accepted one."""
        return REASONS[self.code[row]]

    def field(self, row: int) -> str | None:
        """Which field is at fault, None for an accepted row."""
        return self.fields[self.place[row]] if self.code[row] else None


def validate_rows(monitor: Monitor, rows: Rows, chosen: NDArray[np.int64] | None = None) -> Verdict:
    """Judge rows by a monitor; only the rows `chosen` (indices) where given, the others come out accepted.

    Null counts as null where the column is not required. NaN is accepted (it has a cell of its own) and is refused
    only as a score (out_of_range). Infinities are refused (non_finite).
    """
    raise NotImplementedError
