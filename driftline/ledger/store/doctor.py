"""Whether everything that protects a stored ledger is in place: looked up, and tried on the living database.

Each guard is tried by the statement that it refuses, in a transaction that is rolled back: a trigger of the right text that
does not fire would be found. This cannot find who has changed entries already (that is verification).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.catalogue import guards, structure
from driftline.ledger.store.checks import Check
from driftline.ledger.store.engine import reading
from driftline.ledger.store.protection import protection
from driftline.ledger.store.read_only import is_read_only
from driftline.ledger.store.schema import check_version
from driftline.ledger.store.trials import trials

__all__ = ["Check", "examine"]

_OTHERS_MAY_WRITE: Final = 0o022


def examine(engine: Engine) -> list[Check]:
    """Return every check, in a fixed order; raises LedgerUnavailable for a database that cannot be read or written, or holds no ledger."""
    if engine.dialect.name == "sqlite" and is_read_only(engine.url):
        raise LedgerUnavailable(
            "the guards are tried on the living database, and this one cannot be written: `driftline ledger verify` needs no more"
        )
    with reading(engine) as connection:
        check_version(connection)
        checks = [*guards(connection), *structure(connection), *protection(connection)]
    checks += _file(engine) if engine.dialect.name == "sqlite" else []
    undone = all(check.healthy for check in checks if check.name == "transactions")
    return [*checks, *(trials(engine) if undone else [])]


def _file(engine: Engine) -> Iterator[Check]:
    path = Path(engine.url.database or "")
    mode = path.stat().st_mode & 0o777
    closed = not mode & _OTHERS_MAY_WRITE
    yield Check("file", closed, f"{path} has the mode {mode:o}" + ("" if closed else f": chmod go-w {path}"))
