"""Which rows count: the version of the monitor that an event falls under, and the reasons for refusing a row."""

from driftline.validation.book import FROM_THE_BEGINNING, KnownVersion, MonitorBook, Rejection
from driftline.validation.columns import BatchRows, batch_rows, joined_rows, same_columns
from driftline.validation.rows import REASONS, Rows, Verdict, fit_id, partitions_of, validate_ids, validate_rows

__all__ = [
    "FROM_THE_BEGINNING",
    "REASONS",
    "BatchRows",
    "KnownVersion",
    "MonitorBook",
    "Rejection",
    "Rows",
    "Verdict",
    "batch_rows",
    "fit_id",
    "joined_rows",
    "partitions_of",
    "same_columns",
    "validate_ids",
    "validate_rows",
]
