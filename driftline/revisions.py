"""Tables by revisions of alembic: which one a database is at, and bringing it up to the last one.

alembic itself is loaded only where there is something to bring up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

__all__ = ["known_revision", "one_after_the_other", "revision_of", "revisions", "upgrade"]


def revision_of(connection: Connection, version_table: str) -> str | None:
    """Return the revision of the tables, None where none is noted."""
    from sqlalchemy import inspect, select
    from sqlalchemy.sql import column, table

    if not inspect(connection).has_table(version_table):
        return None
    found: str | None = connection.scalar(select(column("version_num")).select_from(table(version_table)))
    return found


def known_revision(
    connection: Connection, version_table: str, newest: str, *, of: str, error: type[DriftlineError]
) -> str | None:
    """Return the revision of the tables; raises `error` for one that came after `newest`, the last that this Driftline knows."""
    found = revision_of(connection, version_table)
    if found is not None and found > newest:
        msg = f"{of} are of version {found}, newer than this Driftline knows ({newest}): upgrade Driftline"
        raise error(msg)
    return found


@contextmanager
def one_after_the_other(connection: Connection, lock: str) -> Iterator[None]:
    """Hold the lock of this name (eight letters) while tables are made, for processes that start together.

    SQLite has its writing transaction for that. PostgreSQL holds the lock up to the end of the transaction; MariaDB up to the end of the
    block, for there each statement that makes something commits.
    """
    from sqlalchemy import text

    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": int.from_bytes(lock.encode(), signed=True)})
    if kind == "mysql":
        connection.execute(text("SELECT get_lock(:lock, 60)"), {"lock": lock})
    try:
        yield
    finally:
        if kind == "mysql":
            connection.execute(text("SELECT release_lock(:lock)"), {"lock": lock})


def upgrade(connection: Connection, folder: Path, version_table: str) -> None:
    """Run every revision of a folder that the tables do not have yet, in the transaction of the connection."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    script = revisions(folder)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)  # noqa: SLF001 - what alembic's own commands call

    context = MigrationContext.configure(connection, opts={"version_table": version_table, "fn": steps})
    with Operations.context(context):
        context.run_migrations()


def revisions(folder: Path) -> ScriptDirectory:
    """Return the tree of revisions in a folder `versions`."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(folder, version_locations=[folder / "versions"])
