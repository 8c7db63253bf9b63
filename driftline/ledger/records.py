"""Kafka records as the ledger sees them: identity, details, and what a range that was never read becomes."""

from __future__ import annotations

from typing import Final, Protocol

from driftline import envelope
from driftline.ledger.chain import Draft
from driftline.ledger.leaf import Source, canonical, entry_id_of_event, entry_id_of_position

__all__ = ["AUDITOR", "DIGEST", "GAP", "Record", "details_of", "digest_draft", "entry_id_of", "gap_draft"]

AUDITOR: Final = "service:audit"
DIGEST: Final = "ledger.digest"
GAP: Final = "ledger.gap"


class Record(Protocol):
    """A message of a topic; the methods of `confluent_kafka.Message` that are needed here."""

    def partition(self) -> int:
        """Return the partition's number."""
        ...

    def offset(self) -> int:
        """Return the record's offset."""
        ...

    def key(self) -> bytes | None:
        """Return the key."""
        ...

    def value(self) -> bytes | None:
        """Return the value, None for a tombstone."""
        ...

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Return the headers in order."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Return (type, milliseconds)."""
        ...


def entry_id_of(topic_id: str, record: Record) -> bytes:
    """Return the id of the entry of a record: by its CloudEvents source and id, else by its position."""
    said = envelope.identity(record.headers())
    if said is None:
        return entry_id_of_position(topic_id, record.partition(), record.offset())
    return entry_id_of_event(*said)


def details_of(record: Record) -> bytes:
    """Return what an entry commits to besides the value: key, headers and append time, as canonical JSON."""
    return canonical(
        {
            "append_ms": record.timestamp()[1],
            "headers": [[name, _text(value)] for name, value in record.headers() or ()],
            "key": _text(record.key()),
            "tombstone": record.value() is None,
        }
    )


def _text(data: bytes | str | None) -> object:
    """Return UTF-8 as text and anything else as hex."""
    if data is None or isinstance(data, str):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}


def digest_draft(source: Source, statement: bytes, *, event_ts: int | None, salt: bytes) -> Draft:
    """Return the draft of a digest entry; `source` is its range, `statement` what `DigestBuilder` says of it."""
    return _own(DIGEST, source, statement, event_ts, salt)


def gap_draft(source: Source, *, salt: bytes) -> Draft:
    """Return the draft that says that the records of a range were gone before they could be read."""
    statement = {"from": source.start, "reason": "the log of the topic begins later", "to": source.end, "v": 1}
    return _own(GAP, source, canonical(statement), None, salt)


def _own(action: str, source: Source, payload: bytes, event_ts: int | None, salt: bytes) -> Draft:
    return Draft(
        entry_id=entry_id_of_position(source.topic_id, source.partition, source.start),
        action=action,
        actor=AUDITOR,
        resource_type="partition",
        resource_id=f"{source.topic}/{source.partition}",
        event_ts=event_ts,
        payload=payload,
        details=None,
        salt=salt,
        source=source,
    )
