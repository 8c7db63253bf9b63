"""The ledger as a library, `HashChainAuditLogger` on SQLite in its usual settings: what people wait for, beside what was promised.

Times are those of the clock on the wall, disk included: an append is durable and signed when it returns. Promised: an append in 10 ms
(95th percentile), 1,000 entries verified in 100 ms, 10,000 exported in 500 ms (JSON and CSV), 100 entries of an actor in 5 ms, 100
entries rolled back in 50 ms. Run: `python -m bench.bench_ledger_library`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.bench_ledger import drafts_from
from bench.results import Result, result
from driftline.ledger import HashChainAuditLogger
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.entries import Query
from driftline.ledger.store import open_writer, signed_file

VERIFIED, EXPORTED, TOGETHER, ROUNDS, APPENDS = 1_000, 10_000, 100, 7, 200
_SAID = b'{"accuracy":"0.93","drift":"0.12","features":["age","income"],"stage":"production"}'
NOW = 1_790_000_000_000_000


def _milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return took


def _fill(folder: Path, first: int, count: int) -> HashChainAuditLogger:
    """Open the ledger of a folder behind so many more entries, every tenth of them ann's."""
    key, file, url = SigningKey("ledger.example.com/bench", bytes(32)), folder / "ledger.key", f"sqlite:///{folder}/ledger.db"
    file.write_text(key.encode() + "\n", encoding="utf-8")
    writer, _ = open_writer(url, key, signed_path=signed_file(file), random=os.urandom)
    drafts = [
        replace(draft, source=None, payload=_SAID, actor="ann" if number % 10 == 0 else draft.actor)
        for number, draft in enumerate(drafts_from(first, count, plain=True))
    ]
    writer.append(drafts, [], now=NOW)
    writer.store.close()
    return HashChainAuditLogger(url, key_file=file)


def _append(logger: HashChainAuditLogger) -> None:
    logger.append_entry("DEPLOY", "ann", "model", "fraud-v3", {"stage": "production"}, {"ticket": "OPS-17"})


def _verify(logger: HashChainAuditLogger) -> None:
    report = logger.verify_chain()
    if not report.valid or report.entries != VERIFIED:
        raise AssertionError(report)


def _trail(logger: HashChainAuditLogger) -> None:
    if len(logger.get_actor_trail("ann", limit=TOGETHER)) != TOGETHER:
        raise AssertionError


def _roll_back(logger: HashChainAuditLogger) -> list[float]:
    """Append 100 entries and take them out of force, some times."""
    took = []
    for _ in range(ROUNDS):
        _append(logger)
        (last,) = logger.get_entries(Query(newest_first=True, limit=1))
        for _ in range(TOGETHER):
            _append(logger)
        took += _milliseconds(lambda target=last.entry_hash: _rolled_back(logger, target), 1)  # type: ignore[misc]
    return took


def _rolled_back(logger: HashChainAuditLogger, target: str) -> None:
    if logger.rollback_to_hash(target, actor="ann", reason="deployed by mistake") != (True, TOGETHER):
        raise AssertionError


def run() -> list[Result]:
    """Ask for everything that was promised."""
    folder = Path(tempfile.mkdtemp(prefix="bench-library-", dir=os.environ.get("BENCH_DIR")))
    try:
        with _fill(folder, 0, VERIFIED) as logger:
            figures = {"1,000 entries verified": (_milliseconds(lambda: _verify(logger)), 100.0)}
        with _fill(folder, VERIFIED, EXPORTED - VERIFIED) as logger:
            figures |= {
                "10,000 exported as JSON": (_milliseconds(lambda: logger.export_chain("json")), 500.0),
                "10,000 exported as CSV": (_milliseconds(lambda: logger.export_chain("csv")), 500.0),
                "trail of an actor, 100 entries": (_milliseconds(lambda: _trail(logger)), 5.0),
            }
            appended = sorted(_milliseconds(lambda: _append(logger), APPENDS))
            figures["append, p95"] = ([appended[int(APPENDS * 0.95)]], 10.0)
            figures["100 entries rolled back"] = (_roll_back(logger), 50.0)
    finally:
        shutil.rmtree(folder)
    return [
        result(f"ledger as a library: {name}", statistics.median(took), "ms", "the promise", promised)
        for name, (took, promised) in figures.items()
    ]


if __name__ == "__main__":
    for line in run():
        print(f"{line['name']}: {line['value']:,.2f} {line['unit']} ({line['ratio']:.2f} of {line['peer_value']:,.0f})")
