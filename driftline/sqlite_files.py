"""Database files of SQLite that only their owner may read."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["keep_private"]


def keep_private(engine: Engine) -> None:
    """Let the file be made with mode 0600 where there is none yet; SQLite's files beside it (-wal, -shm) take its mode."""
    from sqlalchemy import event

    event.listen(engine, "do_connect", _make)


def _make(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
    path = arguments[0]
    if path and not path.startswith((":", "file:")):
        with suppress(OSError):  # it is there, or SQLite will say why it cannot be
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
