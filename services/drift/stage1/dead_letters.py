"""Refused messages and rows as records of the topic `dead-letters`."""

from __future__ import annotations

from driftline.batches import take
from driftline.codec import encode
from driftline.runtime.dead_letters import dead_letter_from, dead_letter_record
from driftline.runtime.loop import OutRecord
from services.drift.stage1.judgement import Refused


def dead_letter(refused: Refused, *, rejected_by: str) -> OutRecord:
    """The dead letter of what was refused: of a batch only the refused rows. The same refusal gives the same record."""
    batch, rows = refused.batch, refused.rows
    letter = dead_letter_from(
        refused.message,
        refused.reason,
        refused.detail,
        rejected_by=rejected_by,
        field=refused.field,
        model_id=refused.model_id,
        rows=rows,
        value=encode(take(batch, rows)) if batch is not None and len(rows) < batch.rows else None,
    )
    return dead_letter_record(letter)
