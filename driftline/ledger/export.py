"""Exports: JSON, JSON lines, and CSV that no spreadsheet executes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import orjson

from driftline.envelope import iso_time
from driftline.ledger.entries import StoredEntry, event_time, id_text, view

__all__ = ["Format", "export"]

_CSV_COLUMNS: Final = (
    "seq", "entry_id", "time", "event_time", "action", "actor", "resource_type", "resource_id",
    "topic", "topic_id", "partition", "from", "to", "data_hash", "details_hash", "previous_hash", "entry_hash",
)  # fmt: skip
_SPECIAL: Final = re.compile('[",\r\n]').search
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Format(StrEnum):
    """What an export is written as."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    BUNDLE = "bundle"
    """With proofs, for strangers: `driftline.ledger.bundle`."""


def export(entries: Iterable[StoredEntry], form: Format, *, payloads: bool = True) -> Iterator[str]:
    """Yield the text of an export piece by piece. CSV has no payloads; JSON and JSONL have them if asked for.

    Raises ValueError for a bundle: its proofs come out of the tree (`driftline.ledger.store.bundle_of`).
    """
    if form is Format.BUNDLE:
        raise ValueError("entries alone make no bundle, which has proofs: `bundle_of` makes one from a snapshot")
    if form is Format.CSV:
        return _csv(entries)
    lines = (orjson.dumps(view(entry, payload=payloads)).decode() for entry in entries)
    return (line + "\n" for line in lines) if form is Format.JSONL else _json(lines)


def _json(lines: Iterable[str]) -> Iterator[str]:
    before = "["
    for line in lines:
        yield before + "\n" + line
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _csv(entries: Iterable[StoredEntry]) -> Iterator[str]:
    yield ",".join(_CSV_COLUMNS) + "\r\n"
    yield from map(_line, entries)


def _line(entry: StoredEntry) -> str:
    """Return the values of `_CSV_COLUMNS` as a line of RFC 4180; an absent value is an empty cell."""
    source, happened, details = entry.source, event_time(entry), entry.details_hash
    place = [""] * 5
    if source is not None:
        place = [_cell(str(at)) for at in (source.topic, source.topic_id, source.partition, source.start, source.end)]
    return ",".join(
        (
            str(entry.seq),
            id_text(entry.entry_id),
            iso_time(entry.ts),
            "" if happened is None else str(happened),
            _cell(entry.action),
            _cell(entry.actor_name or entry.actor),
            _cell(entry.resource_type),
            _cell(entry.resource_id),
            *place,
            entry.data_hash.hex(),
            "" if details is None else details.hex(),
            entry.previous_hash.hex(),
            entry.entry_hash.hex() + "\r\n",
        )
    )


def _cell(text: str) -> str:
    """Quote a text, behind an apostrophe if a spreadsheet would take it for a formula (OWASP, CSV injection)."""
    if text.lstrip(" ").startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _SPECIAL(text) else text
