import sqlite3

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from driftline.errors import ConfigurationError, Unavailable
from services.alerting.store.database import Database
from services.alerting.store.tables import flags


def test_a_second_replica_on_the_same_file_is_refused(tmp_path) -> None:
    first = Database(f"sqlite:///{tmp_path}/a.db")
    assert first.single_replica
    with pytest.raises(ConfigurationError, match="one replica runs"):
        Database(f"sqlite:///{tmp_path}/a.db")
    first.close()
    Database(f"sqlite:///{tmp_path}/a.db").close()


def test_a_block_that_raises_leaves_nothing(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/deep/a.db")

    def fail_half_way() -> None:
        with database.write() as tx:
            tx.execute(insert(flags).values(name="x", at=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.read() as tx:
        assert tx.execute(select(flags)).all() == []
    database.close()


def test_an_error_after_which_sqlite_has_rolled_back_by_itself_is_the_one_that_is_raised(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")

    def fail() -> None:
        with database.write() as tx:
            tx.exec_driver_sql("INSERT OR ROLLBACK INTO flags (name, at) VALUES ('x', 1), ('x', 2)")

    with pytest.raises(IntegrityError, match="UNIQUE"):
        fail()
    with database.write() as tx:
        assert tx.execute(select(flags)).all() == []
    database.close()


def test_a_file_that_another_process_keeps_locked_is_named_with_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("services.alerting.store.database._BUSY_MS", 10)
    database = Database(f"sqlite:///{tmp_path}/a.db")
    other = sqlite3.connect(f"{tmp_path}/a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    said = rf"another process has locked {tmp_path}/a.db for 0.01 s.*start it again"
    with pytest.raises(Unavailable, match=said), database.write():
        pytest.fail("it is locked")
    other.close()
    with database.write() as tx:
        tx.execute(insert(flags).values(name="x", at=1))
    database.close()


def test_a_url_that_is_none_is_refused_without_being_quoted() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Database("hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_database_that_takes_two_ids_for_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SQLite or PostgreSQL, not in mysql"):
        Database("mysql+pymysql://root:hunter2@localhost/alerting")


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="DRIFTLINE_DATA_DIR"):
        Database(f"sqlite:///{tmp_path}/file/a.db")
