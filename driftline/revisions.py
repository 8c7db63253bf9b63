"""Tables by revisions of alembic: which one a database is at, and bringing it up to the last one.

alembic itself is loaded only where there is something to bring up to date.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

__all__ = ["revision_of", "revisions", "upgrade"]


def revision_of(connection: Connection, version_table: str) -> str | None:
    """Return the revision of the tables, None where none is noted."""
    from sqlalchemy import inspect, select
    from sqlalchemy.sql import column, table

    if not inspect(connection).has_table(version_table):
        return None
    found: str | None = connection.scalar(select(column("version_num")).select_from(table(version_table)))
    return found


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
