"""Which rows count: the version of the monitor that an event falls under, and the reasons for refusing a row."""

from driftline.validation.book import FROM_THE_BEGINNING, MonitorBook, Rejection
from driftline.validation.rows import Rows, Verdict, validate_rows

__all__ = ["FROM_THE_BEGINNING", "MonitorBook", "Rejection", "Rows", "Verdict", "validate_rows"]
