"""Durable appends and full verification of the ledger on SQLite, each beside its peer in the same run.

Append: batches of 1000 events of 400 bytes with their envelopes, every guard on, synchronous=FULL, signed head and file after each
batch; its peer writes the same rows with sqlite3 alone: no hashing, no triggers, no keys but the primary one.
Verify: levels full and hash of those entries, and full of plain ones (128 bytes, no envelope, as a program appends them); the
peer only computes the SHA-256 that an entry needs: leaf, tree node, payload, details. It says how fast this machine hashes.
Level full runs by whole pages, as large ledgers are verified (its kernels are loaded beforehand), and row by row, as small ones.
Last the plain ones with the payloads of every hundredth entry erased, beside the same with none erased.
Run: `python -m bench.bench_ledger`.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.leaf import Source, entry_id_of_event
from driftline.ledger.report import Level
from driftline.ledger.rows import SourceName
from driftline.ledger.store import Effort, LedgerWriter, OffsetMove, open_writer, verify_store
from driftline.ledger.store.erasing import Author, Subjected, erase

BATCH, COUNT, ROUNDS = 1_000, 10_000, 5
MANY = COUNT + 1
PAYLOAD, PLAIN = 400, 128
SOURCE = SourceName("kafka", "driftline.drift-events", "Tk3bQ1xUSvu6vXJ0eBf6wA", 0)
DETAILS = (
    b'{"append_ms":1790000000000,"headers":[["ce_specversion","1.0"],["ce_id","8f14e45f-ceea-467f-a0e6-1f3b0c9d2a11"],'
    b'["ce_type","io.driftline.DriftDetected"],["ce_source","/drift"],["ce_time","2026-11-21T12:00:00.000000Z"],'
    b'["content-type","application/avro"]],"key":"shop.churn","tombstone":false}'
)
ORIGIN = "ledger.example.com/bench"
Row = dict[str, Any]


def drafts_from(first: int, count: int = BATCH, *, plain: bool = False) -> list[Draft]:
    """Return drafts of so many events from a number on."""
    return [
        Draft(
            entry_id=entry_id_of_event("/drift", f"8f14e45f-ceea-467f-a0e6-{number:012d}"),
            action="drift.detected",
            actor="service:drift",
            resource_type="model",
            resource_id=f"shop.model-{number % 40}",
            event_ts=1_790_000_000_000_000 + number,
            payload=os.urandom(PLAIN if plain else PAYLOAD),
            details=None if plain else DETAILS,
            salt=os.urandom(32),
            source=Source(*SOURCE, number, number + 1),
        )
        for number in range(first, first + count)
    ]


def _open(folder: Path) -> LedgerWriter:
    key = SigningKey(ORIGIN, bytes(32))
    writer, _ = open_writer(f"sqlite:///{folder}/ledger.db", key, signed_path=folder / "last-signed", random=os.urandom)
    return writer


def _append(writer: LedgerWriter, batches: Sequence[list[Draft]]) -> None:
    source_id, at = writer.positions([SOURCE])[SOURCE]
    for drafts in batches:
        writer.append(drafts, [OffsetMove(source_id, at, at + BATCH)], now=1_790_000_000_000_000)
        at += BATCH


def _rows(folder: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows of a ledger, for the peer to write."""
    connection = sqlite3.connect(folder / "ledger.db")
    columns = "seq, entry_id, ts_us, event_ts_us, action, actor, resource_type, resource_id, data_hash, details_hash,"
    columns += " previous_hash, entry_hash, leaf, source_id, src_start, src_end"
    entries = connection.execute(f"SELECT {columns} FROM ledger_entry ORDER BY seq").fetchall()
    payloads = connection.execute("SELECT seq, salt, body, details FROM ledger_payload ORDER BY seq").fetchall()
    connection.close()
    return entries, payloads


def _bare(folder: Path, entries: list[tuple[Any, ...]], payloads: list[tuple[Any, ...]]) -> None:
    """Insert the same rows in the same batches with nothing around them."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)")
    connection.execute("CREATE TABLE payload (seq INTEGER PRIMARY KEY, salt, body, details)")
    for at in range(0, len(entries), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO entry VALUES ({','.join('?' * 16)})", entries[at : at + BATCH])
        connection.executemany("INSERT INTO payload VALUES (?, ?, ?, ?)", payloads[at : at + BATCH])
        connection.execute("COMMIT")
    connection.close()


def _hashes(entries: list[tuple[Any, ...]], payloads: list[tuple[Any, ...]]) -> None:
    """Only the four hashes that every verification of an entry has to compute."""
    for entry, (_, salt, body, details) in zip(entries, payloads, strict=True):
        sha256(b"\x02" + salt + body).digest()
        if details is not None:
            sha256(b"\x03" + salt + details).digest()
        leaf = sha256(b"\x00" + entry[12]).digest()
        sha256(b"\x01" + leaf + leaf).digest()


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    gc.collect()
    gc.disable()
    began = clock()
    work()
    took = clock() - began
    gc.enable()
    return took


def _compared(name: str, unit: str, peer: str, ours: list[float], theirs: list[float]) -> Row:
    """Medians of interleaved runs; the ratio is that of the pairs."""
    return {
        "name": name,
        "value": statistics.median(ours),
        "unit": unit,
        "peer": peer,
        "peer_value": statistics.median(theirs),
        "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
        "spread": [min(ours), max(ours)],
    }


def _round(folder: Path, figures: dict[str, list[float]]) -> None:
    """One run of everything in a fresh folder."""
    batches = [drafts_from(at) for at in range(0, COUNT, BATCH)]
    writer = _open(folder)
    cpu = time.process_time()
    figures["append"].append(COUNT / _seconds(lambda: _append(writer, batches), time.perf_counter))
    figures["append_cpu"].append(COUNT / (time.process_time() - cpu))
    entries, payloads = _rows(folder)
    figures["bare"].append(COUNT / _seconds(lambda: _bare(folder, entries, payloads), time.perf_counter))
    for name, level, many in (("pages", Level.FULL, 0), ("rows", Level.FULL, MANY), ("hash", Level.HASH, MANY)):
        figures[name].append(COUNT / _seconds(partial(_verify, writer, level, many), time.process_time))
    figures["hashlib"].append(COUNT / _seconds(lambda: _hashes(entries, payloads), time.process_time))
    writer.store.close()
    _plain_round(folder / "plain", figures)
    _erased_round(folder / "erased", figures)


def _plain_round(folder: Path, figures: dict[str, list[float]]) -> None:
    folder.mkdir()
    writer = _open(folder)
    _append(writer, [drafts_from(at, plain=True) for at in range(0, COUNT, BATCH)])
    entries, payloads = _rows(folder)
    for name, many in (("plain_pages", 0), ("plain_rows", MANY)):
        figures[name].append(COUNT / _seconds(partial(_verify, writer, Level.FULL, many), time.process_time))
    figures["plain_hashlib"].append(COUNT / _seconds(lambda: _hashes(entries, payloads), time.process_time))
    writer.store.close()


def _erased_round(folder: Path, figures: dict[str, list[float]]) -> None:
    """Verify before and after every hundredth payload is erased."""
    folder.mkdir()
    writer = _open(folder)
    for at in range(0, COUNT, BATCH):
        drafts = drafts_from(at, plain=True)
        _append(writer, [[replace(draft, actor="ann") if n % 100 == 0 else draft for n, draft in enumerate(drafts)]])
    for name, many in (("whole_pages", 0), ("whole_rows", MANY)):
        figures[name].append(COUNT / _seconds(partial(_verify, writer, Level.FULL, many), time.process_time))
    done = erase(writer, Subjected("ann"), Author("bench", "asked for", 1_790_000_000_000_001, os.urandom))
    if done is None or done.entries != COUNT // 100:
        raise AssertionError(done)
    for name, many in (("erased_pages", 0), ("erased_rows", MANY)):
        figures[name].append(COUNT / _seconds(partial(_verify, writer, Level.FULL, many), time.process_time))
    writer.store.close()


def _verify(writer: LedgerWriter, level: Level, many: int) -> None:
    report = verify_store(writer.store, level, key=SigningKey(ORIGIN, bytes(32)).verifier, effort=Effort(many=many))
    if not report.valid or report.entries != writer.size:
        raise AssertionError(report)


def run() -> list[Row]:
    """Append and verify, alternated with their peers."""
    import driftline.ledger.pages  # noqa: F401 - loads the kernels

    figures: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(prefix="bench-ledger-", dir=os.environ.get("BENCH_DIR")))
        try:
            _round(folder, figures)
        finally:
            shutil.rmtree(folder)
    bare, hashlib_only = "bare sqlite3 insert of the same rows, synchronous=FULL", "hashlib only: the SHA-256 of each entry"
    return [
        _compared("ledger durable appends, every guard on, batch 1000", "entries/s", bare, figures["append"], figures["bare"]),
        _compared("ledger appends per CPU second", "entries/CPU s", bare, figures["append_cpu"], figures["bare"]),
        *(
            _compared(f"ledger verify, level {what}", "entries/CPU s", hashlib_only, figures[ours], figures[theirs])
            for what, ours, theirs in (
                ("full, events, by whole pages", "pages", "hashlib"),
                ("full, events, row by row", "rows", "hashlib"),
                ("full, plain, by whole pages", "plain_pages", "plain_hashlib"),
                ("full, plain, row by row", "plain_rows", "plain_hashlib"),
                ("hash, events", "hash", "hashlib"),
            )
        ),
        *(
            _compared(f"ledger verify, 1% erased, {way}", "entries/CPU s", "none erased", figures[ours], figures[theirs])
            for way, ours, theirs in (
                ("by whole pages", "erased_pages", "whole_pages"),
                ("row by row", "erased_rows", "whole_rows"),
            )
        ),
    ]


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['value']:,.0f} {row['unit']} ({row['ratio']:.2f} of {row['peer']}: {row['peer_value']:,.0f})"
        )
