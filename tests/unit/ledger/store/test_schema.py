"""Tables of older revisions are read and verified as they are; who appends or examines wants the newest."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.report import Level, Verdict
from driftline.ledger.store import examine, open_store, verify_store
from driftline.ledger.store.engine import changing, open_engine
from driftline.ledger.store.schema import MIGRATIONS, READABLE_SINCE, VERSION_TABLE
from driftline.ledger.store.tables import VERSION, metadata
from driftline.revisions import revisions
from tests.unit.ledger.ledger_builders import KEY, ledger, writer_at


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger whose tables say that they are of the oldest revision; on SQLite, no later one changed anything."""
    ledger(tmp_path, 20).store.close()
    return _of_revision(tmp_path / "ledger.db", READABLE_SINCE)


def _of_revision(file: Path, revision: str) -> Path:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (revision,))
    return file


def test_an_older_ledger_is_verified_and_read_without_a_change(old: Path) -> None:
    with closing(open_store(f"sqlite:///{old}")) as store:
        assert verify_store(store, Level.FULL, key=KEY.verifier).verdict is Verdict.VALID
        with store.snapshot() as snapshot:
            assert len(list(snapshot.entries(Query(limit=None)))) == 20
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(READABLE_SINCE,)]


def test_the_doctor_wants_the_newest_tables(old: Path) -> None:
    with closing(open_store(f"sqlite:///{old}")) as store, pytest.raises(LedgerUnavailable, match="driftline ledger install"):
        examine(store.engine)


def test_who_appends_brings_the_tables_up_to_date(old: Path) -> None:
    writer_at(old.parent).store.close()
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(VERSION,)]


@pytest.mark.parametrize(("revision", "said"), [("0000", "driftline ledger install"), ("9999", "upgrade Driftline")])
def test_tables_that_are_too_old_or_too_new_are_refused(old: Path, revision: str, said: str) -> None:
    copy = _of_revision(Path(shutil.copy(old, old.with_name("other.db"))), revision)
    with pytest.raises(LedgerUnavailable, match=said):
        open_store(f"sqlite:///{copy}")


def test_the_oldest_revision_has_every_column_that_is_read(tmp_path: Path) -> None:
    script = revisions(MIGRATIONS)
    engine = open_engine(f"sqlite:///{tmp_path}/new.db")

    def steps(revision: Any, _context: object) -> Any:
        return script._upgrade_revs(READABLE_SINCE, revision)  # as driftline.revisions does

    with changing(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "fn": steps})
        with Operations.context(context):
            context.run_migrations()
        inspector = inspect(connection)
        made = {name: {c["name"] for c in inspector.get_columns(name)} for name in inspector.get_table_names()}
    engine.dispose()
    assert {name: {c.name for c in table.columns} for name, table in metadata.tables.items()} == {
        name: columns for name, columns in made.items() if name != VERSION_TABLE
    }
