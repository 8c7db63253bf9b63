"""Dead letters: from a message that cannot be counted to a record on `dead-letters`, and back."""

from __future__ import annotations

from hashlib import sha256

from driftline import codec, topics
from driftline.envelope import Envelope, deterministic_id
from driftline.errors import Reason
from driftline.events import DeadLetter, SourceHeader
from driftline.kafka.ports import Message
from driftline.runtime.loop import OutRecord

__all__ = ["REPLAYED", "REPLAYED_FROM", "dead_letter_from", "dead_letter_record", "replay_note", "replay_record"]

LONGEST_KEY = 1024
"""Bytes of a source's key that a record on `dead-letters` is keyed by as they are."""

REPLAYED_FROM = "driftline-replayed-from"
"""Header of a replayed message: where its dead letter lies, `topic/partition/offset`."""

REPLAYED = "driftline-replayed"
"""Header of the note that a dead letter was replayed: `partition/offset` of that letter on `dead-letters`."""


def dead_letter_from(
    message: Message,
    reason: Reason,
    detail: str,
    *,
    rejected_by: str,
    field: str | None = None,
    model_id: str | None = None,
    rows: tuple[int, ...] = (),
    value: bytes | None = None,
) -> DeadLetter:
    """Return the event for a message, or for `rows` of it whose bytes are `value` (a batch of only those)."""
    return DeadLetter(
        source_topic=message.topic(),
        source_partition=message.partition(),
        source_offset=message.offset(),
        source_time=message.timestamp()[1] * 1000,
        source_key=message.key(),
        source_value=message.value() if value is None else value,
        source_headers=tuple(SourceHeader(name=name, value=content) for name, content in message.headers() or ()),
        model_id=model_id,
        reason=reason.value,
        field=field,
        detail=detail,
        rows=rows,
        rejected_by=rejected_by,
    )


def dead_letter_record(letter: DeadLetter) -> OutRecord:
    """Return the record for `dead-letters`.

    Its ce_id names (record, reason, rows, refuser) and its time is the source's, so that a repeat of
    the same refusal is the same record, byte for byte.
    """
    envelope = Envelope(
        id=deterministic_id(
            "dead-letter",
            letter.source_topic,
            letter.source_partition,
            letter.source_offset,
            letter.source_time,
            letter.reason,
            letter.rejected_by,
            ",".join(map(str, letter.rows)),
        ),
        type="DeadLetter",
        source=f"/{letter.rejected_by}",
        time_us=letter.source_time,
        subject=letter.model_id,
    )
    return OutRecord(topics.name("dead-letters"), _key_of(letter), codec.encode(letter), envelope.headers())


def _key_of(letter: DeadLetter) -> bytes | None:
    """The source's key, so that letters of one key stay in order; of a long one its hash, since the letter has it already."""
    key = letter.source_key
    return key if key is None or len(key) <= LONGEST_KEY else sha256(key).digest()


def replay_record(letter: DeadLetter, *, at: str) -> OutRecord:
    """Return the original message again, for its source topic and partition; `at` is where the dead letter lies.

    The ce_id of the original stays, so whoever deduplicates by it still does.
    """
    headers = [(h.name, h.value or b"") for h in letter.source_headers if h.name != REPLAYED_FROM]
    partition = letter.source_partition if letter.source_partition >= 0 else None
    return OutRecord(
        letter.source_topic,
        letter.source_key,
        letter.source_value,
        [*headers, (REPLAYED_FROM, at.encode())],
        partition,
    )


def replay_note(letter: DeadLetter, *, place: str, now: int, actor: str) -> OutRecord:
    """Return the note on `dead-letters` that the letter at `place` (`partition/offset`) was replayed, by whom.

    It is written in the transaction of the replay: a letter is replayed once unless somebody insists,
    and the ledger has it.
    """
    envelope = Envelope(
        id=deterministic_id("dead-letter-replayed", place, now),
        type="DeadLetterReplayed",
        source="/cli",
        time_us=now,
        subject=letter.model_id,
        actor=actor,
    )
    headers = [*envelope.headers(), (REPLAYED, place.encode())]
    return OutRecord(topics.name("dead-letters"), _key_of(letter), codec.encode(letter), headers)
