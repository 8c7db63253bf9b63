"""What it costs to ask a ledger, each beside its limit, and what an entry costs in a large ledger beside a small one, on SQLite.

Limits: 1,000 entries verified in 100 ms, 10,000 exported in 500 ms (JSON, JSON lines and CSV), a trail of 100 entries in 5 ms (checked,
and as JSON values), a receipt of at most 1.3 KB made in 10 ms (99th percentile); in the large ledger an append costs at most
twice, verification, trail and receipt at most 1.5 times what they cost in the small one.
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
from pathlib import Path

from bench.bench_ledger import BATCH, ORIGIN, _append, _open, drafts_from
from bench.results import Result, result
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.entries import Query, TrailKind, check_trail, view
from driftline.ledger.export import Format, export
from driftline.ledger.report import Level
from driftline.ledger.rows import EVERYTHING, Span
from driftline.ledger.store import Effort, LedgerWriter, receipt_of, verify_store

SMALL, LARGE = 10_000, int(os.environ.get("BENCH_LARGE", "100000"))
REPEATS = 30
KEY = SigningKey(ORIGIN, bytes(32)).verifier


def _times(work: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    took = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return sorted(took)


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


def _asked(writer: LedgerWriter, size: int) -> dict[str, float]:
    """Milliseconds of CPU of each question; of receipts the 99th percentile, and bytes beside the entry itself."""
    figures = {
        "1,000 entries verified": statistics.median(_times(lambda: _verify(writer, Span(size - 1_000)))),
        "10,000 exported as JSON": statistics.median(_times(lambda: _export(writer, Format.JSON), 3)),
        "10,000 exported as JSON lines": statistics.median(_times(lambda: _export(writer, Format.JSONL), 3)),
        "10,000 exported as CSV": statistics.median(_times(lambda: _export(writer, Format.CSV), 3)),
        "trail of 100": statistics.median(_times(lambda: _trail(writer))),
    }
    step, took = max(1, size // 100), []
    for sequence in range(0, size, step):
        took += _times(lambda at=sequence: _receipt(writer, at), 1)  # type: ignore[misc]
    figures["receipt, p99"] = sorted(took)[int(len(took) * 0.99) - 1]
    return {name: seconds * 1e3 for name, seconds in figures.items()}


LIMITS = {
    "1,000 entries verified": 100.0,
    "10,000 exported as JSON": 500.0,
    "10,000 exported as JSON lines": 500.0,
    "10,000 exported as CSV": 500.0,
    "trail of 100": 5.0,
    "receipt, p99": 10.0,
}
GROWTH = {"append": 2.0, "1,000 entries verified": 1.5, "trail of 100": 1.5, "receipt, p99": 1.5}


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
    """Ask a ledger of 10,000 entries, let it grow, ask it again."""
    folder = Path(tempfile.mkdtemp(prefix="bench-asks-", dir=os.environ.get("BENCH_DIR")))
    try:
        return _run(folder)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path) -> list[Result]:
    writer, costs, asked = _open(folder), {}, {}
    for size in (SMALL, LARGE):
        while writer.size < size - SMALL // 2:
            _append(writer, [drafts_from(writer.size)])
        costs[size] = []
        while writer.size < size:
            drafts = [drafts_from(writer.size)]
            costs[size] += _times(lambda batch=drafts: _append(writer, batch), 1)  # type: ignore[misc]
        asked[size] = _asked(writer, size)
    rows = [
        result(f"ledger of {LARGE:,}: {name}", asked[LARGE][name], "ms", "the limit", limit) for name, limit in LIMITS.items()
    ]
    rows.append(
        result(f"ledger of {LARGE:,}: receipt beside the entry", _receipt(writer, LARGE // 3), "bytes", "the limit", 1_300.0)
    )
    per_entry = {size: {**asked[size], "append": statistics.median(costs[size]) * 1e6 / BATCH} for size in (SMALL, LARGE)}
    for name, limit in GROWTH.items():
        grown = per_entry[LARGE][name] / per_entry[SMALL][name]
        rows.append(result(f"{name} in {LARGE:,} entries to {SMALL:,}", grown, "times", "the limit", limit))
    rows.append(_in_parallel(writer))
    writer.store.close()
    return rows


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['value']:,.2f} {row['unit']} ({row['ratio']:.2f} of {row['peer']}: {row['peer_value']:,.1f})"
        )
