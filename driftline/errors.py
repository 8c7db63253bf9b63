"""The exception tree of Driftline, and the closed list of reasons for refusing a record.

    DriftlineError                     everything we raise on purpose
    +-- ConfigurationError             a setting, file or declaration is wrong: fix it and start again
    +-- InvalidRecord                  a record or row cannot be counted: dead-letter it with its reason
    +-- UnknownSchema                  the writer schema is not known (yet): dead-letter, replay later
    +-- Unavailable                    something we depend on does not answer: try again later

Packages hang their own errors below these.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record or row was refused; the same code in HTTP answers, dead letters, metrics and docs."""

    MALFORMED_AVRO = "malformed_avro"
    MALFORMED_JSON = "malformed_json"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNEXPECTED_EVENT = "unexpected_event"
    UNKNOWN_MODEL = "unknown_model"
    MISSING_FIELD = "missing_field"
    INVALID_ID = "invalid_id"
    WRONG_TYPE = "wrong_type"
    NON_FINITE = "non_finite"
    OUT_OF_RANGE = "out_of_range"
    FUTURE_EVENT_TIME = "future_event_time"
    ROW_COUNT_MISMATCH = "row_count_mismatch"
    TOO_LARGE = "too_large"
    WRONG_PARTITION = "wrong_partition"
    DUPLICATE_ID = "duplicate_id"
    LABEL_TOO_LATE = "label_too_late"
    LABEL_WITHOUT_PREDICTION = "label_without_prediction"


class DriftlineError(Exception):
    """Everything that Driftline raises on purpose; the message says what is wrong and what to do."""


class ConfigurationError(DriftlineError):
    """A setting, file or declaration is wrong; the message names it. Fix it and start again."""


class Unavailable(DriftlineError):
    """Something that is needed does not answer; try again later."""


class UnknownSchema(DriftlineError):
    """A message names a writer schema that is not known; it can be replayed once the schema is registered."""


class InvalidRecord(DriftlineError):
    """A record or row cannot be counted; it becomes a dead letter with this reason."""

    def __init__(self, reason: Reason, detail: str, *, field: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.field = field
