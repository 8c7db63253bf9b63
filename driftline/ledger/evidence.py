"""What a ledger can show about itself over a period: how many of its entries have which field, and what else is on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from driftline import codec
from driftline.errors import InvalidRecord, UnknownSchema
from driftline.ledger.entries import StoredEntry
from driftline.ledger.keeping import Keeping
from driftline.ledger.leaf import is_service
from driftline.ledger.report import Report
from driftline.ledger.review import Review

__all__ = ["Counting", "Coverage", "Evidence", "Field"]

_REASONS: Final = ("reason", "comment", "note")
_CHANGES: Final = (("from_stage", "to_stage"), ("before", "after"), ("old", "new"))
_OUTCOMES: Final = ("outcome", "status", "result", "verdict", "severity", "to_stage")


class Field(StrEnum):
    """What regimes ask of an entry."""

    TIME = "time"
    EVENT_TIME = "event_time"
    ACTOR = "actor"
    NAME = "name"
    ACTION = "action"
    RESOURCE = "resource"
    CONTENTS = "contents"
    ORIGIN = "origin"
    OUTCOME = "outcome"
    REASON = "reason"
    CHANGE = "change"
    MODEL_VERSION = "model_version"


_OF_PEOPLE: Final = {Field.NAME, Field.REASON, Field.CHANGE}
"""Fields that only what a person did can have."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """So many entries have a field, of so many that could."""

    having: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that reports are made from. Times are microseconds; the period is [since, until)."""

    log: str
    since: int | None
    until: int | None
    now: int
    entries: int
    first_ts: int | None
    coverage: Mapping[Field, Coverage]
    actions: Mapping[str, int]
    topics: tuple[str, ...]
    keeping: Keeping
    erasures: int
    archived: int
    verification: Report
    reviews: tuple[Review, ...]
    witnessed_size: int


@dataclass(slots=True)
class _Counts:
    having: Counter[Field] = field(default_factory=Counter)
    entries: int = 0
    of_people: int = 0
    actions: Counter[str] = field(default_factory=Counter)


class Counting:
    """Counts entries, one by one, by what they have."""

    def __init__(self) -> None:
        self._counts = _Counts()

    def add(self, entry: StoredEntry, *, archived: bool) -> None:
        """Count one entry; `archived`: its payload lies in the archive."""
        counts, person = self._counts, not is_service(entry.actor)
        counts.entries += 1
        counts.of_people += person
        counts.actions[entry.action] += 1
        counts.having.update(found for found in _fields(entry, archived=archived) if person or found not in _OF_PEOPLE)

    @property
    def actions(self) -> Mapping[str, int]:
        """Return the entries of each action."""
        return self._counts.actions

    @property
    def entries(self) -> int:
        """Return how many were counted."""
        return self._counts.entries

    def result(self) -> dict[Field, Coverage]:
        """Return the coverage of every field."""
        counts = self._counts
        return {
            name: Coverage(counts.having[name], counts.of_people if name in _OF_PEOPLE else counts.entries) for name in Field
        }


def _fields(entry: StoredEntry, *, archived: bool) -> list[Field]:
    said = _said(entry.payload)
    found = {
        Field.TIME: True,
        Field.EVENT_TIME: entry.event_ts is not None,
        Field.ACTOR: bool(entry.actor),
        Field.NAME: entry.actor_name is not None,
        Field.ACTION: bool(entry.action),
        Field.RESOURCE: bool(entry.resource_type and entry.resource_id),
        Field.CONTENTS: entry.payload is not None or archived,
        Field.ORIGIN: entry.source is not None,
        Field.OUTCOME: any(said.get(name) not in {None, ""} for name in _OUTCOMES),
        Field.REASON: any(said.get(name) not in {None, ""} for name in _REASONS),
        Field.CHANGE: any(before in said and after in said for before, after in _CHANGES),
        Field.MODEL_VERSION: bool(said.get("model_version") or said.get("version")),
    }
    return [name for name, there in found.items() if there]


def _said(payload: bytes | None) -> Mapping[str, Any]:
    """Return the plain values of a payload, by name: of a JSON object or of an event."""
    if not payload:
        return {}
    try:
        value: Any = orjson.loads(payload) if payload[:1] == b"{" else codec.decode(payload)
    except (ValueError, InvalidRecord, UnknownSchema):
        return {}
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: one for name, one in value.items() if isinstance(one, str | int)} if isinstance(value, dict) else {}
