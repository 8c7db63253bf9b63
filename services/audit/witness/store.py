"""What a witness remembers: of each log the largest head that it has cosigned. One SQLite file, durable before anybody is answered."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from driftline.ledger.checkpoint import Checkpoint, signed_text
from driftline.ledger.errors import LedgerUnavailable

_TABLE = "CREATE TABLE IF NOT EXISTS witness_head (origin TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT"

Decide = Callable[[Checkpoint | None], str]
"""The head cosigned last, None for the first -> the cosigned note that takes its place; raises to leave it."""


class WitnessStore:
    """The heads. Safe from any thread; two processes on one file take turns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises LedgerUnavailable."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
            # EXTRA: the folder is synced, too, when the journal of a commit is deleted; without it a power cut could bring back the head before.
            for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA", _TABLE):
                self._connection.execute(statement)
        except (OSError, sqlite3.Error) as error:
            raise LedgerUnavailable(f"the witness cannot open its store {path}: {error}") from error

    def advance(self, origin: str, decide: Decide) -> str:
        """Put what `decide` returns in the place of the last head, in one transaction; returns it when it is on the disk.

        Raises what `decide` raises, LedgerUnavailable when it could not be written (then nothing may be said of it).
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    last = self._note(origin)
                    note = decide(None if last is None else signed_text(last))
                    self._connection.execute("INSERT OR REPLACE INTO witness_head VALUES (?, ?)", (origin, note))
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise LedgerUnavailable(f"the witness could not write its store: {error}") from error
        return note

    def note(self, origin: str) -> str | None:
        """Return the largest head of a log that was cosigned, with its signatures."""
        with self._lock:
            return self._note(origin)

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def _note(self, origin: str) -> str | None:
        row = self._connection.execute("SELECT note FROM witness_head WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else str(row[0])
