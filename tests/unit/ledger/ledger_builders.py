"""Small ledgers for tests: fixed keys, counted salts, one source partition."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from driftline.ledger.chain import Draft, Extension, Head, Tail, chained, grown
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.leaf import Source, entry_id_of_event
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LedgerWriter, OffsetMove, open_writer

ORIGIN = "ledger.example.com/audit"
KEY = SigningKey(ORIGIN, bytes(range(32)))
SOURCE = SourceName("kafka", "driftline.drift-events", "topic-1", 0)


def extend(
    log: str, head: Head, drafts: Iterable[Draft], *, now: int, actors: dict[str, Tail], resources: dict[tuple[str, str], Tail]
) -> Extension:
    """Chain drafts onto a head, in memory."""
    return grown(head, tuple(chained(log, head, drafts, now=now, actors=actors, resources=resources)))


def salt(number: int) -> bytes:
    """Return a salt of its own for each number."""
    return number.to_bytes(32)


class Salts:
    """Counts instead of rolling dice."""

    def __init__(self) -> None:
        self.next = 1_000_000

    def __call__(self, size: int) -> bytes:
        self.next += 1
        return self.next.to_bytes(size)


def draft(
    number: int,
    *,
    source: SourceName | None = SOURCE,
    actor: str = "service:drift",
    resource: tuple[str, str] | None = None,
    payload: bytes | None = None,
    ce_id: str | None = None,
) -> Draft:
    """Return the draft of record `number` of a source."""
    kind, resource_id = resource or ("model", f"m{number % 3}")
    return Draft(
        entry_id=entry_id_of_event("/drift", ce_id or f"event-{number}"),
        action="drift.detected",
        actor=actor,
        resource_type=kind,
        resource_id=resource_id,
        event_ts=number,
        payload=payload if payload is not None else f"payload {number}".encode(),
        details=b'{"key":"k"}',
        salt=salt(number),
        source=None if source is None else Source(*source, number, number + 1),
    )


def writer_at(folder: Path, *, adopt: bool = False) -> LedgerWriter:
    """Open the ledger of a folder."""
    writer, _ = open_writer(
        f"sqlite:///{folder}/ledger.db", KEY, signed_path=folder / "last-signed", random=Salts(), adopt=adopt
    )
    return writer


def grow(writer: LedgerWriter, batches: Iterable[Iterable[Draft]]) -> None:
    """Append batches of drafts of `SOURCE` from where the ledger is."""
    position = writer.positions([SOURCE])[SOURCE]
    at = position.next_offset
    for now, batch in enumerate(batches, 1_000):
        drafts = list(batch)
        end = max(d.source.end for d in drafts if d.source is not None)
        writer.append(drafts, [OffsetMove(position.source_id, at, end)], now=now)
        at = end


def ledger(folder: Path, entries: int, batch: int = 10) -> LedgerWriter:
    """Return a ledger with that many entries, a checkpoint after each batch; an existing one is left as it is."""
    if entries:
        for file in _template(entries, batch).iterdir():
            shutil.copy(file, folder / file.name)
    return writer_at(folder)


@cache
def _template(entries: int, batch: int) -> Path:
    """Build each kind of ledger once: commits that reach the disk take their time."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    writer = writer_at(folder)
    grow(writer, ([draft(i) for i in range(at, min(at + batch, entries))] for at in range(0, entries, batch)))
    writer.store.close()
    return folder
