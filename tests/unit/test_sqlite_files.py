"""Who may read the database files."""

import stat
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, text

from driftline.sqlite_files import keep_private
from services.alerting.store.database import Database
from tests.unit.ledger.ledger_builders import draft, grow, writer_at


def modes(folder: Path, name: str) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob(f"{name}*") if file.suffix != ".lock"}


def test_only_the_owner_reads_a_ledger_and_what_lies_beside_it(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(0)]])
    assert modes(tmp_path, "ledger.db") == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)


def test_only_the_owner_reads_the_alerting_database(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/a.db")), closing(Database("sqlite://")):
        assert modes(tmp_path, "a.db") == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600)


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "old.db").touch(0o640)
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    keep_private(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x INT)"))
    engine.dispose()
    assert modes(tmp_path, "old.db") == {"old.db": 0o640}
