"""Four writers that all believe they own everything, stalled and killed at every step: each record once, in order, verified.

With DRIFTLINE_TORTURE=1 as long as it takes for 100,000 entries and at least 50 kills; else a shorter form.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Level
from driftline.ledger.store import LastSigned, LedgerStore, open_store, verify_store
from driftline.ledger.store import tables as t
from tests.integration.torture_writers import KEY, PARTITIONS

pytestmark = pytest.mark.integration

FULL = os.environ.get("DRIFTLINE_TORTURE") == "1"
RECORDS, KILLS, SECONDS = (25_000, 50, 3_600) if FULL else (600, 30, 240)
TOGETHER = 3
"""Steps that are armed at least: one that is seldom reached must not keep writers from dying elsewhere."""
SELDOM = 4
"""Steps that come so seldom that nobody need have died there."""


class Torture:
    """The writers of a folder, and who of them dies where."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self.said = folder / "said"
        words = [sys.executable, "-m", "tests.integration.torture_writers", url, str(folder), str(RECORDS)]
        with self.said.open("wb") as said:
            self._writers = subprocess.Popen(words, stdout=said, stderr=said, cwd=Path(__file__).parents[2])
        self._armed = 0

    def lines(self, name: str) -> list[str]:
        file = self._folder / name
        return file.read_text().splitlines() if file.exists() else []

    @property
    def written(self) -> int:
        """Entries under the last signed head."""
        signed = self.lines("signed")
        return int(signed[1]) if signed else 0

    def arm(self) -> None:
        """Once the last one is dead and the log has grown its share, let the next die wherever the fewest did."""
        kills = self.lines("kills")
        steps = set(self.lines("steps"))
        if not steps or len(kills) < self._armed or self.written < len(kills) * PARTITIONS * RECORDS // (2 * KILLS):
            return
        times = Counter(kills)
        unseen = sum(times[step] == 0 for step in steps)
        fresh = self._folder / "arming"
        fresh.write_text("".join(f"{step}\n" for step in sorted(steps, key=lambda step: times[step])[: max(unseen, TOGETHER)]))
        fresh.rename(self._folder / "armed")
        self._armed += 1

    def run(self) -> int:
        deadline = time.monotonic() + SECONDS
        try:
            while self._writers.poll() is None:
                assert time.monotonic() < deadline, f"{self.written} entries\n{self.said.read_text()}"
                self.arm()
                time.sleep(0.01)
        finally:
            self._writers.kill()
        return self._writers.wait()


def offsets(store: LedgerStore, partition: int) -> list[int]:
    """The offsets of a partition, in the order of the log."""
    e, o = t.entry.c, t.offset.c
    wanted = select(e.src_start).join(t.offset, e.source_id == o.source_id).where(o.partition == partition).order_by(e.seq)
    with store.engine.connect() as connection:
        return list(connection.scalars(wanted))


@pytest.mark.timeout(SECONDS + 60)
def test_four_writers_killed_at_every_step_leave_no_duplicate_and_no_gap(database_url: str, tmp_path: Path) -> None:
    torture, began = Torture(database_url, tmp_path), time.monotonic()
    assert torture.run() == 0, torture.said.read_text()
    steps, kills = set(torture.lines("steps")), torture.lines("kills")
    print(f"{len(kills)} kills at {len(set(kills))} of {len(steps)} steps, {time.monotonic() - began:.0f} s")
    last = LastSigned(tmp_path / "signed", KEY.verifier).read()
    assert last is not None
    store = open_store(database_url)
    assert all(offsets(store, partition) == list(range(RECORDS)) for partition in range(PARTITIONS))
    trusted = [SignedHead(last.size, last.root, "last-signed file")]
    report = verify_store(store, Level.FULL, key=KEY.verifier, trusted=trusted)
    store.close()
    assert report.valid, report
    assert report.entries == last.size == PARTITIONS * RECORDS
    assert len(kills) >= KILLS
    assert len(steps - set(kills)) <= SELDOM
