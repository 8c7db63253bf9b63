"""Two writers that both believe they own everything, stalled and killed at random: every record once, in order, verified."""

from __future__ import annotations

import os
import random
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

ORIGIN, PARTITIONS, RECORDS, KILLS = "torture.example/log", 4, 1_500, 20

WORKER = """
import os, random, sys, time
from pathlib import Path
from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.errors import StaleOffsets
from driftline.ledger.leaf import Source, entry_id_of_position
from driftline.ledger.store import OffsetMove, open_writer
from driftline.ledger.rows import SourceName

folder, partitions, records, origin = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
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


def test_two_writers_killed_twenty_times_leave_no_duplicate_and_no_gap(tmp_path: Path) -> None:
    chance, kills = random.Random(5), 0
    workers = [start(tmp_path), start(tmp_path)]
    deadline = time.monotonic() + 240
    while any(worker.poll() != 0 for worker in workers):
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(chance.uniform(0.3, 1.2))
        victim = chance.randrange(2)
        code = workers[victim].poll()
        if code is None and kills < KILLS:
            os.kill(workers[victim].pid, signal.SIGKILL)
            workers[victim].wait()
            kills += 1
            workers[victim] = start(tmp_path)
        for number, worker in enumerate(workers):
            assert worker.poll() in {None, 0, -signal.SIGKILL}, (tmp_path / "log").read_text()
            if worker.poll() not in {None, 0}:
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
    print(f"{kills} kills")
    assert kills >= 3
