"""Exports: JSON, JSON lines, and CSV that no spreadsheet executes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import orjson

from driftline.ledger.entries import StoredEntry, view

__all__ = ["Format", "export"]

_CSV_COLUMNS: Final = (
    "seq", "entry_id", "time", "event_time", "action", "actor", "resource_type", "resource_id",
    "topic", "topic_id", "partition", "from", "to", "data_hash", "details_hash", "previous_hash", "entry_hash",
)  # fmt: skip
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
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_CSV_COLUMNS)
    for entry in entries:
        shown = view(entry, payload=False)
        resource, source = shown.pop("resource"), shown.pop("source")
        flat = {**shown, **(source if isinstance(source, dict) else {})}
        if isinstance(resource, dict):
            flat |= {"resource_type": resource["type"], "resource_id": resource["id"]}
        writer.writerow([_harmless(flat.get(name)) for name in _CSV_COLUMNS])
        yield _take(buffer)
    if rest := _take(buffer):
        yield rest


def _take(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _harmless(value: object) -> object:
    """Put an apostrophe before what a spreadsheet would take for a formula (OWASP, CSV injection)."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value
