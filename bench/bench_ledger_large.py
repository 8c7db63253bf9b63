"""What an entry costs in a large ledger beside a small one, on PostgreSQL: CPU of writer and server together, and pages touched.

The small one has 10,000 entries. Both are filled by the library, batch by batch, and then asked in turns: an append of 500 events, the
last 1,000 entries verified, a trail of 100, a receipt. Each may cost at most 1.5 times as much in the large one.
`BENCH_LARGE`: entries of the large one (2,000,000 is the claim; by default 100,000).
Run: `python -m bench.bench_ledger_large`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import text

from bench.bench_ledger import ORIGIN, SOURCE, drafts_from
from bench.bench_ledger_asks import _receipt, _trail, _verify
from bench.results import Result, result
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.rows import Span
from driftline.ledger.store import LedgerWriter, OffsetMove, open_writer
from tests.servers import ServerMissing, start_postgresql

SMALL, LARGE = 10_000, int(os.environ.get("BENCH_LARGE", "100000"))
BATCH, FILLING, ROUNDS = 500, 2_000, 20
LIMIT: Final = 1.5
TELL: Final = text("SELECT pg_stat_force_next_flush()")
PAGES: Final = text("SELECT pg_backend_pid(), blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")


@dataclass
class Ledger:
    """A ledger of some size in a database of its own, and what each question cost: seconds of CPU, pages."""

    writer: LedgerWriter
    seconds: dict[str, list[float]] = field(default_factory=dict)
    pages: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def made(cls, url: str, folder: Path, size: int) -> Ledger:
        """Open a ledger, and fill it."""
        folder.mkdir()
        ledger = cls(open_writer(url, SigningKey(ORIGIN, bytes(32)), signed_path=folder / "last-signed", random=os.urandom)[0])
        while ledger.writer.size < size:
            ledger.appending(min(FILLING, size - ledger.writer.size))()
        return ledger

    def appending(self, count: int) -> Callable[[], object]:
        """Return what appends so many new events."""
        source_id, at = self.writer.positions([SOURCE])[SOURCE]
        drafts, move = drafts_from(at, count), OffsetMove(source_id, at, at + count)
        return lambda: self.writer.append(drafts, [move], now=1_790_000_000_000_000)

    def ask(self, turn: int) -> None:
        """Ask everything once."""
        size = self.writer.size
        self._measure("append", self.appending(BATCH))
        self._measure("1,000 entries verified", lambda: _verify(self.writer, Span(size - 1_000)))
        self._measure("trail of 100", lambda: _trail(self.writer))
        self._measure("receipt", lambda: _receipt(self.writer, size * turn // ROUNDS))

    def _measure(self, name: str, work: Callable[[], object]) -> None:
        process, before = self._pages()
        began = time.process_time() + _used(process)
        work()
        self.seconds.setdefault(name, []).append(time.process_time() + _used(process) - began)
        self.pages.setdefault(name, []).append(self._pages()[1] - before)

    def _pages(self) -> tuple[int, int]:
        """Return the server's process of this ledger's one connection, and the pages that it has touched so far."""
        with self.writer.store.engine.connect() as connection:
            connection.execute(TELL)
        with self.writer.store.engine.connect() as connection:  # what was counted is told between transactions
            process, pages = connection.execute(PAGES).one()
        return int(process), int(pages)


def _used(process: int) -> float:
    """Return the seconds of CPU of a process."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def run() -> list[Result]:
    """Fill both, ask both in turns."""
    try:
        server = start_postgresql(durable=True)
    except ServerMissing as error:
        print(f"PostgreSQL left out: {error}")
        return []
    folder = Path(tempfile.mkdtemp(prefix="bench-large-"))
    try:
        small, large = (Ledger.made(server.new_database(), folder / str(size), size) for size in (SMALL, LARGE))
        for turn in range(ROUNDS):
            small.ask(turn)
            large.ask(turn)
        return [row for name in small.seconds for row in _rows(name, small, large)]
    finally:
        server.stop()
        shutil.rmtree(folder)


def _rows(name: str, small: Ledger, large: Ledger) -> list[Result]:
    what = f"{name} in {LARGE:,} entries on PostgreSQL"
    seconds = [1e3 * statistics.median(ledger.seconds[name]) for ledger in (large, small)]
    pages = [statistics.median(ledger.pages[name]) for ledger in (large, small)]
    return [
        result(f"{what}, to {SMALL:,}", seconds[0] / seconds[1], "times", "the limit", LIMIT),
        result(f"{what}, CPU", seconds[0], "ms", f"in {SMALL:,}", seconds[1]),
        result(f"{what}, pages touched", pages[0], "pages", f"in {SMALL:,}", pages[1]),
    ]


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['value']:,.2f} {row['unit']} ({row['ratio']:.2f} of {row['peer']}: {row['peer_value']:,.2f})"
        )
