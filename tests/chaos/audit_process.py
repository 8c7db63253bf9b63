"""Audit as it is; where the flag lies, it stops inside the ledger's transaction, just before its commit.

The flag names the table that the transaction must have written: entries and offsets are one transaction, so both names
stop it in the same place; were they two, each name would stop it between them.
"""

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from tests.chaos.standstill import say, stand_still

WRITES = {"ledger_entry": "INSERT INTO ledger_entry", "ledger_offset": "UPDATE ledger_offset"}

importlib.import_module("services.audit.app")  # before the fork


def work(flag: Path) -> int:
    """Do what `python -m services.audit` does; returns its exit code."""

    def noted(connection: Connection, _cursor: object, statement: str, *_more: Any) -> None:
        connection.info.setdefault("written", set()).update(t for t, words in WRITES.items() if statement.startswith(words))

    def begun(connection: Connection) -> None:
        connection.info["written"] = set()

    def committing(connection: Connection) -> None:
        written = connection.info["written"]
        if written and flag.exists() and flag.read_text() in written:
            stand_still()
        if "ledger_entry" in written:
            say("done")

    event.listen(Engine, "before_cursor_execute", noted)
    event.listen(Engine, "begin", begun)
    event.listen(Engine, "commit", committing)
    sys.argv = ["services.audit"]
    try:
        runpy.run_module("services.audit", run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    return 0
