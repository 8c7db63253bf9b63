"""Refused messages and rows as records of the topic `dead-letters`."""

from __future__ import annotations

from driftline.batches import take
from driftline.codec import encode
from driftline.envelope import Envelope, deterministic_id
from driftline.events import DeadLetter, SourceHeader
from driftline.runtime.loop import OutRecord
from driftline.topics import name as topic_name
from services.drift.judgement import Refused

TOPIC = topic_name("dead-letters")
_NO_KEY = b""


def dead_letter(refused: Refused, *, rejected_by: str) -> OutRecord:
    """The dead letter of what was refused: of a batch only the refused rows. The same refusal has the same ce_id."""
    message = refused.message
    value = message.value()
    if refused.batch is not None and len(refused.rows) < refused.batch.rows:
        value = encode(take(refused.batch, refused.rows))
    append_time = message.timestamp()[1] * 1000
    event = DeadLetter(
        source_topic=message.topic(),
        source_partition=message.partition(),
        source_offset=message.offset(),
        source_time=append_time,
        source_key=message.key(),
        source_value=value,
        source_headers=tuple(SourceHeader(name=name, value=data) for name, data in message.headers() or ()),
        model_id=refused.model_id,
        reason=refused.reason.value,
        field=refused.field,
        detail=refused.detail,
        rows=refused.rows,
        rejected_by=rejected_by,
    )
    place = (message.topic(), message.partition(), message.offset(), append_time, refused.reason.value, rejected_by)
    envelope = Envelope(
        id=deterministic_id("dead-letter", *place),
        type="DeadLetter",
        source="/drift",
        time_us=append_time,
        subject=refused.model_id,
    )
    return OutRecord(TOPIC, message.key() or _NO_KEY, encode(event), headers=envelope.headers())
