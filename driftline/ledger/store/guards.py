"""What the database itself refuses: rules that hold on every database, written out for each in a module beside this one.

Guards hold against statements, by whomever, superusers included. They cannot hold against who may drop them: that is what
roles are for (`roles`), and checkpoints outside the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from sqlalchemy import Connection

from driftline.ledger.store import guards_mysql, guards_postgresql, guards_sqlite
from driftline.ledger.store.rules import Guard

__all__ = ["guards_of", "seen_guards"]


class _Dialect(Protocol):
    """What each of the modules has."""

    GUARDS: Mapping[str, Guard]

    def seen(self, connection: Connection, /) -> dict[str, str]:
        """See `seen_guards`."""
        ...


_DIALECTS: Final[Mapping[str, _Dialect]] = {
    "sqlite": guards_sqlite,
    "postgresql": guards_postgresql,
    "mysql": guards_mysql,
}


def guards_of(dialect: str) -> Mapping[str, Guard]:
    """Return every guard of a dialect by its name."""
    return _DIALECTS[dialect].GUARDS


def seen_guards(connection: Connection) -> dict[str, str]:
    """Return the guards, and any other triggers on the ledger's tables, that the catalogue shows: name -> mark."""
    return _DIALECTS[connection.dialect.name].seen(connection)
