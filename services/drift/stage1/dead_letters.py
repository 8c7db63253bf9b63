"""Refused messages and rows as records of the topic `dead-letters`."""

from __future__ import annotations

from collections.abc import Iterator

from driftline.batches import take
from driftline.codec import encode
from driftline.runtime.dead_letters import dead_letter_from, dead_letter_record
from driftline.runtime.loop import OutRecord
from services.drift.stage1.judgement import Refused

MAXIMUM_ROWS = 16_000
"""Of a batch in one letter: their numbers take 3 bytes each at most, of the 64 kB that a letter may be longer than its source."""


def dead_letters(refused: Refused, *, rejected_by: str) -> Iterator[OutRecord]:
    """What was refused: a whole message, or of a batch only the refused rows. The same refusal gives the same records."""
    batch, rows = refused.batch, refused.rows
    if batch is None or len(rows) == batch.rows:
        yield _record(refused, (), None, rejected_by)
        return
    for begin in range(0, len(rows), MAXIMUM_ROWS):
        some = rows[begin : begin + MAXIMUM_ROWS]
        yield _record(refused, some, encode(take(batch, some)), rejected_by)


def _record(refused: Refused, rows: tuple[int, ...], value: bytes | None, rejected_by: str) -> OutRecord:
    letter = dead_letter_from(
        refused.message,
        refused.reason,
        refused.detail,
        rejected_by=rejected_by,
        field=refused.field,
        model_id=refused.model_id,
        rows=rows,
        value=value,
    )
    return dead_letter_record(letter)
