"""Refused rows as dead letters: one for each reason and field, holding those rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from driftline import codec
from driftline.events import DeadLetter, SourceHeader
from services.ingest.api.intake import Refusal

_CONTENT_TYPE = (SourceHeader(name="content-type", value=b"application/json"),)
_MAXIMUM_BYTES = 900_000
"""A dead letter has to fit its topic with room for the rest of the record."""


def dead_letters(
    topic: str, list_name: str, rows: Sequence[Any], refused: Sequence[Refusal], *, now_us: int
) -> Iterator[tuple[str | None, bytes]]:
    """Model and encoded DeadLetter of each group of refused rows. The value is JSON that ingest takes, once it is mended."""
    groups: dict[tuple[str, str, str | None], list[Refusal]] = {}
    for refusal in refused:
        groups.setdefault((refusal.reason.value, refusal.field, refusal.model_id), []).append(refusal)
    for group in groups.values():
        yield from _letters(topic, list_name, rows, group, now_us)


def _letters(
    topic: str, list_name: str, rows: Sequence[Any], group: Sequence[Refusal], now_us: int
) -> Iterator[tuple[str | None, bytes]]:
    found = orjson.dumps({list_name: [rows[refusal.index] for refusal in group]})
    if len(found) > _MAXIMUM_BYTES and len(group) > 1:
        middle = len(group) // 2
        yield from _letters(topic, list_name, rows, group[:middle], now_us)
        yield from _letters(topic, list_name, rows, group[middle:], now_us)
        return
    first = group[0]
    fits = len(found) <= _MAXIMUM_BYTES
    detail = first.detail if fits else f"{first.detail} (the row has {len(found)} bytes and is not kept here)"
    letter = DeadLetter(
        source_topic=topic,
        source_partition=-1,
        source_offset=-1,
        source_time=now_us,
        source_key=None,
        source_value=found if fits else None,
        source_headers=_CONTENT_TYPE,
        model_id=first.model_id,
        reason=first.reason.value,
        field=first.field,
        detail=detail,
        rows=tuple(refusal.index for refusal in group),
        rejected_by="ingest",
    )
    yield first.model_id, codec.encode(letter)
