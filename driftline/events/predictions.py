"""What producers emit: predictions, labels and the clock of a stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One prediction of one model version, with the features it was made from."""

    model_id: str
    """Model; the part before the last dot is its namespace."""
    model_version: str
    """Version of the model that predicted."""
    prediction_id: str
    """1 to 128 bytes of UTF-8, unique within the model; labels join on it."""
    event_time: int
    """When it was predicted, microseconds since 1970 UTC."""
    prediction: float | str | None = None
    """Predicted class (string) or value (double)."""
    score: float | None = None
    """Probability of the positive class (of many: of the predicted one), 0 to 1."""
    latency_ms: float | None = None
    """Time the model took, milliseconds."""
    features: Mapping[str, float | str | None]
    """Feature values by name; booleans as "true" / "false"."""


class BatchKind(StrEnum):
    """Symbols of BatchKind in the schemas."""

    DOUBLE = "DOUBLE"
    CATEGORY = "CATEGORY"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchColumn:
    """One column of a PredictionBatch."""

    name: str
    """Feature name, or :prediction, :score, :latency_ms."""
    kind: BatchKind
    """DOUBLE: float64 little-endian values. CATEGORY: uint32 little-endian codes into dictionary."""
    values: bytes
    """8 (DOUBLE) or 4 (CATEGORY) bytes a row."""
    validity: bytes
    """Bitmap, least significant bit first, 1 = present; empty = every row present."""
    dictionary: tuple[str, ...]
    """Distinct values of a CATEGORY column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionBatch:
    """Many predictions of one model version as columns; the row count is checked against every byte length."""

    model_id: str
    """Model."""
    model_version: str
    """Version of the model that predicted."""
    rows: int
    """Number of rows."""
    prediction_ids: bytes
    """The ids in UTF-8, joined."""
    prediction_id_ends: bytes
    """uint32 little-endian end of each id within prediction_ids."""
    event_times: bytes
    """int64 little-endian microseconds since 1970 UTC."""
    columns: tuple[BatchColumn, ...]
    """Columns, each of `rows` rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The true outcome of a prediction."""

    model_id: str
    """Model."""
    prediction_id: str
    """Id of the prediction it belongs to."""
    label_time: int
    """When the outcome was known, microseconds since 1970 UTC."""
    label: float | str
    """True class (string) or value (double)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Moves the clocks of a model as an event would and counts nowhere: for replays, backfills and ends of streams."""

    model_id: str
    """Model."""
    event_time: int
    """Event time that the stream has reached, microseconds since 1970 UTC."""
