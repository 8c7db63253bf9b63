"""Errors of the Kafka ports.

KafkaFailure            anything Kafka refuses: the message says what, the process exits
├── KafkaUnavailable    no broker answers: wait and try again
├── Fenced              somebody took over this transactional or instance id: exit at once
│   └── StaleGeneration the group moved on during the transaction: abort and exit
├── TransactionAborted  the transaction cannot be committed any more: abort and exit
├── OutcomeUnknown      send_offsets, commit or abort timed out: exit, the next start fences it
├── OffsetOutOfRange    the position is not in the log (any more): a hole in the data
├── TopicMissing        the topic or partition does not exist: `driftline topics apply`
├── TopicExists         the topic to create is there already
├── RecordTooLarge      the record is larger than the producer may send
└── QueueFull           the local queue stayed full: the broker does not keep up
"""

from driftline.errors import DriftlineError, Unavailable

__all__ = [
    "Fenced",
    "KafkaFailure",
    "KafkaUnavailable",
    "OffsetOutOfRange",
    "OutcomeUnknown",
    "QueueFull",
    "RecordTooLarge",
    "StaleGeneration",
    "TopicExists",
    "TopicMissing",
    "TransactionAborted",
]


class KafkaFailure(DriftlineError):
    """Kafka refused something, or failed in a way that trying again does not heal."""


class KafkaUnavailable(KafkaFailure, Unavailable):
    """No broker answered in time."""


class Fenced(KafkaFailure):
    """Another instance has taken over; nothing more may be written by this one."""


class StaleGeneration(Fenced):
    """The consumer group rebalanced since its metadata was taken."""


class TransactionAborted(KafkaFailure):
    """The transaction has to be aborted; the consumer does not rewind by that."""


class OutcomeUnknown(KafkaFailure):
    """A transactional call timed out: it may or may not have happened."""


class OffsetOutOfRange(KafkaFailure):
    """The next offset is not in the log: retention passed it, or the topic is another one."""


class TopicMissing(KafkaFailure):
    """The topic or partition is not there."""


class TopicExists(KafkaFailure):
    """The topic is there already."""


class RecordTooLarge(KafkaFailure):
    """The record exceeds what may be sent."""


class QueueFull(KafkaFailure):
    """The local queue did not empty in time."""
