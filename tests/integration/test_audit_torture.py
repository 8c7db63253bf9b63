"""Four writers that all believe they own everything, stalled and killed at every step: each record once, in order, verified.

With DRIFTLINE_TORTURE=1 as long as it takes for 100,000 entries and 50 kills; else a shorter form.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Level
from driftline.ledger.store import LastSigned, open_store, verify_store

pytestmark = pytest.mark.integration

FULL = os.environ.get("DRIFTLINE_TORTURE") == "1"
ORIGIN, PARTITIONS, WRITERS = "torture.example/log", 4, 4
RECORDS, KILLS, SECONDS = (25_000, 50, 1_800) if FULL else (750, 12, 240)

WORKER = """
import os, random, signal, sys, time
from pathlib import Path
from sqlalchemy import Engine, event
from driftline.ledger.store.signed import LastSigned
from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.errors import StaleOffsets
from driftline.ledger.leaf import Source, entry_id_of_position
from driftline.ledger.store import OffsetMove, open_writer
from driftline.ledger.rows import SourceName

folder, partitions, records, origin = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
armed = folder / "armed"

def step(name):
    if armed.exists() and random.random() < 0.008:
        with (folder / "kills").open("a") as kills:
            kills.write(name + chr(10))
        os.kill(os.getpid(), signal.SIGKILL)

def stepwise(function, name):
    def stepped(*given):
        step("before " + name)
        result = function(*given)
        step("after " + name)
        return result
    return stepped

event.listen(Engine, "before_cursor_execute", lambda c, cursor, statement, *_: step("before " + " ".join(statement.split()[:3])))
event.listen(Engine, "after_cursor_execute", lambda c, cursor, statement, *_: step("after " + " ".join(statement.split()[:3])))
event.listen(Engine, "commit", lambda c: step("before COMMIT"))
LastSigned._write = stepwise(LastSigned._write, "the last-signed file")
writer, _ = open_writer(f"sqlite:///{folder}/ledger.db", SigningKey(origin, bytes(32)), signed_path=folder / "signed", random=os.urandom)
sources = [SourceName("k", "t", "id", number) for number in range(partitions)]

def drafts_of(source, start, end):
    return [
        Draft(
            entry_id=entry_id_of_position("id", source.partition, offset), action="a", actor=f"user {offset % 5}",
            resource_type="r", resource_id=str(offset % 7), event_ts=None, payload=b"%d/%d" % (source.partition, offset),
            details=None, salt=os.urandom(32), source=Source(*source, offset, offset + 1),
        )
        for offset in range(start, end)
    ]

while True:
    at = writer.positions(sources)
    if all(position.next_offset >= records for position in at.values()):
        break
    for _ in range(random.randrange(1, 8)):
        drafts, moves, ends = [], [], {}
        for source in random.sample(sources, random.randrange(1, partitions + 1)):
            start = at[source].next_offset
            ends[source] = end = min(records, start + random.randrange(1, 60))
            if start < end:
                drafts += drafts_of(source, start, end)
                moves.append(OffsetMove(at[source].source_id, start, end))
        if random.random() < 0.1:
            time.sleep(random.uniform(0, 0.2))
        try:
            if moves:
                writer.append(drafts, moves, now=time.time_ns() // 1000)
        except StaleOffsets:
            break
        at = {source: position._replace(next_offset=ends.get(source, position.next_offset)) for source, position in at.items()}
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        words = [sys.executable, "-c", WORKER, str(folder), str(PARTITIONS), str(RECORDS), ORIGIN]
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=Path(__file__).parents[2])


def killed(folder: Path) -> list[str]:
    """The steps at which writers were killed so far."""
    kills = folder / "kills"
    return kills.read_text().splitlines() if kills.exists() else []


def test_four_writers_killed_at_every_step_leave_no_duplicate_and_no_gap(tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    workers = [start(tmp_path) for _ in range(WRITERS)]
    deadline = time.monotonic() + SECONDS
    while any(worker.poll() != 0 for worker in workers):
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.1)
        if len(killed(tmp_path)) >= KILLS:
            armed.unlink(missing_ok=True)
        for number, worker in enumerate(workers):
            assert worker.poll() in {None, 0, -signal.SIGKILL}, (tmp_path / "log").read_text()
            if worker.poll() == -signal.SIGKILL:
                workers[number] = start(tmp_path)
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for partition in range(PARTITIONS):
        rows = connection.execute(
            "SELECT src_start FROM ledger_entry JOIN ledger_offset USING (source_id) WHERE partition = ? ORDER BY seq",
            (partition,),
        )
        assert [start for (start,) in rows] == list(range(RECORDS))
    connection.close()
    key = SigningKey(ORIGIN, bytes(32)).verifier
    last = LastSigned(tmp_path / "signed", key).read()
    assert last is not None
    trusted = [SignedHead(last.size, last.root, "last-signed file")]
    report = verify_store(open_store(f"sqlite:///{tmp_path}/ledger.db"), Level.FULL, key=key, trusted=trusted)
    assert report.valid, report
    assert report.entries == PARTITIONS * RECORDS
    assert last.size == report.entries
    steps = killed(tmp_path)
    print(f"{len(steps)} kills at {len(set(steps))} steps")
    assert len(set(steps)) >= 3
