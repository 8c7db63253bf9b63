"""Writers that all believe they own everything, each a process: `python -m tests.integration.torture_writers URL FOLDER RECORDS`.

Who ends by SIGKILL is started again; the command ends when all of them have found the last record written, and says 1 when
one of them ended otherwise. The first to reach a step that stands in the file `armed` takes the file and kills itself there.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.errors import StaleOffsets
from driftline.ledger.leaf import Source, entry_id_of_position
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LastSigned, LedgerWriter, OffsetMove, open_writer, writer

KEY = SigningKey("torture.example/log", bytes(32))
WRITERS, PARTITIONS, LONGEST = 4, 4, 60
SOURCES = [SourceName("k", "t", "id", number) for number in range(PARTITIONS)]
_STATEMENT = re.compile(r"\s*(\w+)\b.*?\b(ledger_\w+)", re.DOTALL)


class Steps:
    """The steps of an append: each is told once, and may be the last."""

    def __init__(self, folder: Path) -> None:
        self._armed, self._steps, self._kills = folder / "armed", folder / "steps", folder / "kills"
        self._told: set[str] = set()
        self._written: set[str] = set()
        self.inside = False

    def reach(self, name: str) -> None:
        if not self.inside:
            return
        if name not in self._told:
            self._told.add(name)
            _say(self._steps, name)
        try:
            if name not in self._armed.read_text().splitlines():
                return
            self._armed.rename(self._armed.with_name(f"taken by {os.getpid()}"))
        except FileNotFoundError:
            return
        _say(self._kills, name)
        os.kill(os.getpid(), signal.SIGKILL)

    def stepwise(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            what = name(*given)
            self.reach(f"before {what}")
            result = function(*given, **named)
            self.reach(f"after {what}")
            return result

        return stepped

    def statement(self, text: str) -> str:
        found = _STATEMENT.match(text)
        what = text.strip() if found is None else f"{found[1]} {found[2]}"
        if what.startswith("BEGIN"):
            self._written.clear()
        if not what.startswith("SELECT"):
            self._written.add(what)
        return what

    def commit(self, *_: object) -> str:
        return "COMMIT of the entries" if "INSERT ledger_entry" in self._written else "COMMIT of the signature"

    def watch(self) -> None:
        """Stop at statements, copies, commits and the writes of the last-signed file."""
        event.listen(
            Engine, "before_cursor_execute", lambda _c, _cursor, text, *_: self.reach(f"before {self.statement(text)}")
        )
        event.listen(Engine, "after_cursor_execute", lambda _c, _cursor, text, *_: self.reach(f"after {self.statement(text)}"))
        event.listen(Engine, "begin", lambda _c: self._written.clear())
        for owner, name, what in (
            (writer, "insert_rows", lambda _c, table, *_: self.statement(f"INSERT {table.name}")),
            (DefaultDialect, "do_commit", self.commit),
            (os, "fsync", lambda *_: "fsync"),
            (os, "fdatasync", lambda *_: "fdatasync"),
            (os, "fdatasync", lambda *_: "fdatasync"),
            (Path, "replace", lambda *_: "rename"),
        ):
            setattr(owner, name, self.stepwise(getattr(owner, name), what))
        over = LastSigned._written_over

        def sometimes(signed: LastSigned, data: bytes) -> bool:
            return random.random() < 0.5 and over(signed, data)  # else it takes the old one's place, which would be seldom

        setattr(LastSigned, "_written_over", sometimes)  # noqa: B010 - a method of another class


def _say(file: Path, line: str) -> None:
    with file.open("a") as lines:
        lines.write(line + "\n")


def drafts_of(source: SourceName, start: int, end: int) -> list[Draft]:
    return [
        Draft(
            entry_id=entry_id_of_position("id", source.partition, offset),
            action="a",
            actor=f"user {offset // 50}",
            resource_type="r",
            resource_id=str(offset % 7),
            event_ts=None,
            payload=b"%d/%d" % (source.partition, offset),
            details=None,
            salt=os.urandom(32),
            source=Source(*source, offset, offset + 1),
        )
        for offset in range(start, end)
    ]


def write_on(ledger: LedgerWriter, steps: Steps, records: int) -> None:
    """Read where everything stands, append from there for some time, and again, until nothing is left."""
    while True:
        at = ledger.positions(SOURCES)
        if all(position.next_offset >= records for position in at.values()):
            return
        for _ in range(random.randrange(1, 8)):
            drafts, moves = [], []
            for source in random.sample(SOURCES, random.randrange(1, PARTITIONS + 1)):
                start = at[source].next_offset
                end = min(records, start + random.randrange(1, LONGEST))
                if start < end:
                    drafts += drafts_of(source, start, end)
                    moves.append(OffsetMove(at[source].source_id, start, end))
                    at[source] = at[source]._replace(next_offset=end)
            if random.random() < 0.1:  # a stall, after which the others have gone on
                time.sleep(random.uniform(0, 0.2))
            steps.inside = True
            try:
                if moves:
                    ledger.append(drafts, moves, now=time.time_ns() // 1000)
            except StaleOffsets:
                break
            finally:
                steps.inside = False


def live(url: str, folder: Path, records: int) -> int:
    """Be one writer, from its start to its end."""
    try:
        random.seed()
        steps = Steps(folder)
        steps.watch()
        ledger, _ = open_writer(url, KEY, signed_path=folder / "signed", random=os.urandom)
        write_on(ledger, steps, records)
    except BaseException:  # a forked process must not return into the code of its parent
        traceback.print_exc()
        return 1
    return 0


def main(url: str, folder: Path, records: int) -> int:
    """Keep the writers alive until all are done."""

    def born() -> int:
        child = os.fork()
        if child == 0:
            os._exit(live(url, folder, records))
        return child

    alive = {born() for _ in range(WRITERS)}
    failed = False
    while alive:
        child, status = os.wait()
        alive.remove(child)
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL:
            alive.add(born())
        failed |= code not in {0, -signal.SIGKILL}
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
