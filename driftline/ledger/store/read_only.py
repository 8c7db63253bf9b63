"""How a ledger's SQLite file is opened to read, also where its file or folder cannot be written: a copy that is evidence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from sqlalchemy import URL

from driftline.ledger.errors import LedgerUnavailable

__all__ = ["for_reading", "is_read_only"]

_SCHEME: Final = "file:"


def for_reading(url: URL) -> URL:
    """Return the URL to read a ledger by; only that of a SQLite file that cannot be written changes.

    Raises LedgerUnavailable where there is no file, or one whose newest entries cannot be read there.
    """
    if url.get_backend_name() != "sqlite":
        return url
    path = _path_of(url)
    if path is None or not path.exists():
        raise LedgerUnavailable(f"there is no ledger at {url.database!r}; check the database URL")
    if "immutable" in url.query or (_writable(path) and _writable(path.parent)):
        return _of_file(url, path, {}) if is_read_only(url) else url
    return _of_file(url, path, _options(path))


def is_read_only(url: URL) -> bool:
    """Whether the options of a URL of SQLite say that nothing is written."""
    return url.query.get("mode") == "ro" or "immutable" in url.query


def _path_of(url: URL) -> Path | None:
    name = url.database
    if not name or not name.startswith(_SCHEME):
        return Path(name) if name else None
    return Path(unquote(name.removeprefix(_SCHEME).removeprefix("//")))


def _of_file(url: URL, path: Path, options: dict[str, str]) -> URL:
    """Return a URL with options of SQLite, which it takes only of names that begin with `file:`."""
    name = f"{_SCHEME}{quote(str(path.absolute()))}"
    return url.set(database=name, query={**url.query, **options, "uri": "true"})


def _options(path: Path) -> dict[str, str]:
    """Say that nothing is written; and, where no write-ahead log is in use, that nobody else writes: else SQLite wants to."""
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if log.exists() and index.exists():
        return {"mode": "ro"}
    if log.exists() and log.stat().st_size:
        msg = (
            f"this copy is not whole by itself: its newest entries are in {log}, which cannot be read where nothing may be "
            f"written. Copy {path.name} and {log.name} together to a folder that you can write, and name that copy"
        )
        raise LedgerUnavailable(msg)
    return {"mode": "ro", "immutable": "1"}


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
