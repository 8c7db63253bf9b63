"""librdkafka's error codes in the words of `driftline.kafka.errors`."""

# ruff: noqa: SLF001  librdkafka names its local error codes with an underscore; they are public

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

from driftline.kafka.errors import (
    Fenced,
    KafkaFailure,
    KafkaUnavailable,
    OffsetOutOfRange,
    OutcomeUnknown,
    RecordTooLarge,
    StaleGeneration,
    TopicExists,
    TopicMissing,
    TransactionAborted,
)

__all__ = ["IGNORED_WHILE_CONSUMING", "failure", "transaction_failure"]

_FENCED: Final = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.FENCED_INSTANCE_ID,
    # A consumer's fatal errors are all about its group.instance.id; the inner code is only in the text.
    KafkaError._FATAL,
}
_STALE: Final = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError._ASSIGNMENT_LOST,
}
_HOLE: Final = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
_NO_TOPIC: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
_LATE: Final = {
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._MSG_TIMED_OUT,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.BROKER_NOT_AVAILABLE,
}
_TOO_LARGE: Final = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}

_WORDS: Final[tuple[tuple[set[int], type[KafkaFailure]], ...]] = (
    (_FENCED, Fenced),
    (_STALE, StaleGeneration),
    (_HOLE, OffsetOutOfRange),
    (_NO_TOPIC, TopicMissing),
    (_LATE, KafkaUnavailable),
    (_TOO_LARGE, RecordTooLarge),
    ({KafkaError.TOPIC_ALREADY_EXISTS}, TopicExists),
)

IGNORED_WHILE_CONSUMING: Final = {
    KafkaError._PARTITION_EOF,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
}
"""librdkafka reconnects by itself; whether data is missing is for lag and progress to say."""


def _error(problem: KafkaError | KafkaException) -> KafkaError:
    if isinstance(problem, KafkaException):
        inner: KafkaError = problem.args[0]
        return inner
    return problem


def failure(problem: KafkaError | KafkaException, doing: str) -> KafkaFailure:
    """Return the error to raise for a call outside transactions."""
    error = _error(problem)
    message = f"could not {doing}: {error.name()}: {error.str()}"
    for codes, kind in _WORDS:
        if error.code() in codes:
            return kind(message)
    return KafkaFailure(message)


def transaction_failure(problem: KafkaError | KafkaException, call: str) -> KafkaFailure:
    """Return the error to raise for a transactional call.

    Without KIP-890 a time-out leaves open what the broker did (librdkafka issue 5423), so every
    time-out after `begin` is OutcomeUnknown; a time-out of init_transactions harms nothing.
    """
    error = _error(problem)
    message = f"transaction {call}: {error.name()}: {error.str()}"
    if error.code() in _FENCED:
        return Fenced(message)
    if error.code() in _STALE:
        return StaleGeneration(message)
    if error.code() in _LATE and not error.txn_requires_abort():
        return KafkaUnavailable(message) if call == "init_transactions" else OutcomeUnknown(message)
    if error.txn_requires_abort():
        return TransactionAborted(message)
    return KafkaFailure(message)
