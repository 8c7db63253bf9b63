"""What it costs to ask a ledger, each beside its limit, and what an entry costs in a large ledger beside a small one, on SQLite.

Limits: 1,000 entries verified in 100 ms (also those that came one by one, each with a signed head), 10,000 exported in 500 ms (JSON,
JSON lines and CSV), a trail of 100 entries in 5 ms (checked, and as JSON values), a receipt of at most 1.3 KB made in 10 ms (99th
percentile); in the large ledger an append costs at most twice, verification, trail and receipt at most 1.5 times what they cost in the
small one. Both are asked by turns, at the same places; the ratio is the median of those of each turn.
At last the large one is verified by two processes and by one: their start, some 3 s, pays from a million entries on.
`BENCH_LARGE`: entries of the large one (2,000,000 is the claim; by default 100,000).
Run: `python -m bench.bench_ledger_asks`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.bench_ledger import BATCH, ORIGIN, SOURCE, _append, _open, drafts_from
from bench.results import Result, result
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.entries import Query, TrailKind, check_trail, view
from driftline.ledger.export import Format, export
from driftline.ledger.report import Level
from driftline.ledger.rows import EVERYTHING, Span
from driftline.ledger.store import Effort, LedgerWriter, receipt_of, verify_store

SMALL, LARGE = 10_000, int(os.environ.get("BENCH_LARGE", "100000"))
KEY = SigningKey(ORIGIN, bytes(32)).verifier


def _cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _verify(writer: LedgerWriter, span: Span, effort: Effort | None = None) -> None:
    report = verify_store(writer.store, Level.FULL, key=KEY, span=span, effort=effort or Effort())
    if not report.valid:
        raise AssertionError(report)


def _export(writer: LedgerWriter, form: Format) -> None:
    with writer.store.snapshot() as snapshot:
        for _ in export(snapshot.entries(Query(limit=10_000)), form):
            pass


def _trail(writer: LedgerWriter) -> None:
    with writer.store.snapshot() as snapshot:
        trail = check_trail(list(snapshot.entries(Query(resource=("model", "shop.model-7"), limit=100))), TrailKind.RESOURCE)
    if len([view(entry, payload=False) for entry in trail.entries]) != 100 or not trail.complete:
        raise AssertionError(trail)


def _receipt(writer: LedgerWriter, sequence: int) -> int:
    with writer.store.snapshot() as snapshot:
        entry = snapshot.entry_at(sequence)
        if entry is None:
            raise AssertionError
        receipt = receipt_of(snapshot, entry, payload=False)
        return len(receipt.encode()) - len(receipt.opening.encode()) * 4 // 3


def _thousand(writer: LedgerWriter, place: float) -> None:
    first = int(place * (writer.size - 1_000))
    _verify(writer, Span(first, first + 1_000))


Asked = Callable[[LedgerWriter, float], Callable[[], object]]
"""Makes the work that is timed, of a ledger and a place in it: from 0 (its first entry) to 1 (its last)."""
ASKED: dict[str, tuple[Asked, int]] = {
    "append": (lambda writer, _: partial(_append, writer, [drafts_from(writer.size)]), 10),
    "1,000 entries verified": (lambda writer, place: partial(_thousand, writer, place), 31),
    "10,000 exported as JSON": (lambda writer, _: partial(_export, writer, Format.JSON), 3),
    "10,000 exported as JSON lines": (lambda writer, _: partial(_export, writer, Format.JSONL), 3),
    "10,000 exported as CSV": (lambda writer, _: partial(_export, writer, Format.CSV), 3),
    "trail of 100": (lambda writer, _: partial(_trail, writer), 31),
    "receipt": (lambda writer, place: partial(_receipt, writer, int(place * (writer.size - 1))), 201),
}
"""What is asked of both ledgers by turns, and how often."""
LIMITS = {
    "1,000 entries verified": 100.0,
    "10,000 exported as JSON": 500.0,
    "10,000 exported as JSON lines": 500.0,
    "10,000 exported as CSV": 500.0,
    "trail of 100": 5.0,
    "receipt": 10.0,
}
"""Milliseconds in the large ledger: of receipts the 99th percentile, else the median."""
GROWTH = {"append": 2.0, "1,000 entries verified": 1.5, "trail of 100": 1.5, "receipt": 1.5}


def _by_turns(small: LedgerWriter, large: LedgerWriter, asked: Asked, turns: int) -> tuple[list[float], list[float]]:
    """Ask both ledgers at places spread over the whole of them; return the CPU seconds in each."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns):
        for writer, seconds in zip((small, large), took, strict=True):
            seconds.append(_cpu(asked(writer, turn / (turns - 1))))
    return took


def _one_by_one(folder: Path) -> Result:
    """Verify the last entries of a ledger, each of which has a signed head of its own."""
    folder.mkdir()
    writer = _open(folder)
    writer.positions([SOURCE])
    for number in range(1_100):
        writer.append(drafts_from(number, 1), [], now=1_790_000_000_000_000)
    took = statistics.median(_cpu(partial(_thousand, writer, 1)) for _ in range(7))
    writer.store.close()
    return result("ledger appended one by one: 1,000 entries verified", took * 1e3, "ms", "the limit", 100.0)


def _in_parallel(writer: LedgerWriter) -> Result:
    """Verify the ledger by one process and by two, by the clock on the wall; two take their time to start."""
    import driftline.ledger.pages  # noqa: F401 - one process has its kernels, two begin with none

    piece, took = 1 << (LARGE // 16).bit_length() - 1, {}
    for jobs in (1, 2):
        began = time.perf_counter()
        _verify(writer, EVERYTHING, Effort(many=0, piece=piece, jobs=jobs))
        took[jobs] = time.perf_counter() - began
    return result(f"ledger of {LARGE:,}: verified by two processes, their start included", took[2], "s", "by one", took[1])


def run() -> list[Result]:
    """Fill two ledgers, and ask them by turns."""
    folder = Path(tempfile.mkdtemp(prefix="bench-asks-", dir=os.environ.get("BENCH_DIR")))
    try:
        return [*_run(_grown(folder / "small", SMALL), _grown(folder / "large", LARGE)), _one_by_one(folder / "single")]
    finally:
        shutil.rmtree(folder)


def _grown(folder: Path, size: int) -> LedgerWriter:
    """Return a ledger that has so many entries halfway through the appends that are timed."""
    folder.mkdir()
    writer = _open(folder)
    while writer.size < size - ASKED["append"][1] * BATCH // 2:
        _append(writer, [drafts_from(writer.size)])
    return writer


def _run(small: LedgerWriter, large: LedgerWriter) -> list[Result]:
    took = {name: _by_turns(small, large, *asked) for name, asked in ASKED.items()}
    rows = []
    for name, limit in LIMITS.items():
        seconds = took[name][1]
        figure = sorted(seconds)[int(len(seconds) * 0.99) - 1] if name == "receipt" else statistics.median(seconds)
        shown = f"{name}, p99" if name == "receipt" else name
        rows.append(result(f"ledger of {LARGE:,}: {shown}", figure * 1e3, "ms", "the limit", limit))
    size = float(_receipt(large, LARGE // 3))
    rows.append(result(f"ledger of {LARGE:,}: receipt beside the entry", size, "bytes", "the limit", 1_300.0))
    for name, limit in GROWTH.items():
        grown = statistics.median(there / here for here, there in zip(*took[name], strict=True))
        rows.append(result(f"{name} in {LARGE:,} entries to {SMALL:,}", grown, "times", "the limit", limit))
    rows.append(_in_parallel(large))
    for writer in (small, large):
        writer.store.close()
    return rows


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['value']:,.2f} {row['unit']} ({row['ratio']:.2f} of {row['peer']}: {row['peer_value']:,.1f})"
        )
