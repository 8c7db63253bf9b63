"""Idempotency-Keys in a SQLite file of ingest's own, for one replica."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from services.ingest.adapters.idempotency import CLAIM_SECONDS, Claim, ClaimState

_TABLE = """
CREATE TABLE IF NOT EXISTS request_keys (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL, answer BLOB, noted_us INTEGER NOT NULL
) WITHOUT ROWID
"""


class SqliteKeys:
    """As `Keys`. A power cut may lose the last moments; a crash of the process loses nothing."""

    def __init__(self, path: Path, *, keep_seconds: int) -> None:
        """Open the file or make it; answers are kept for `keep_seconds`."""
        self._keep_us = keep_seconds * 1_000_000
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA busy_timeout=5000", _TABLE):
            self._connection.execute(statement)
        self._connection.execute("CREATE INDEX IF NOT EXISTS request_keys_age ON request_keys (noted_us)")

    def claim(self, name: str, digest: bytes, now_us: int) -> Claim:
        """Take a key for a request, unless it is taken."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            row = self._connection.execute(
                "SELECT digest, answer, noted_us FROM request_keys WHERE name = ?", (name,)
            ).fetchone()
            if row is not None and now_us - row[2] < (CLAIM_SECONDS * 1_000_000 if row[1] is None else self._keep_us):
                return Claim.of(digest, row[0], row[1])
            self._connection.execute("INSERT OR REPLACE INTO request_keys VALUES (?, ?, NULL, ?)", (name, digest, now_us))
            return Claim(ClaimState.NEW)

    def keep(self, name: str, digest: bytes, answer: bytes, now_us: int) -> None:
        """Remember the answer of a claimed key."""
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO request_keys VALUES (?, ?, ?, ?)", (name, digest, answer, now_us))

    def release(self, name: str) -> None:
        """Give a claimed key back."""
        with self._lock:
            self._connection.execute("DELETE FROM request_keys WHERE name = ? AND answer IS NULL", (name,))

    def forget(self, now_us: int) -> int:
        """Drop answers that were kept long enough."""
        with self._lock:
            return self._connection.execute("DELETE FROM request_keys WHERE noted_us < ?", (now_us - self._keep_us,)).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
