"""Tables that came after this Driftline are not touched."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.dialects import mysql, postgresql

from driftline.errors import ConfigurationError
from driftline.revisions import known_revision, one_after_the_other


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t_schema (version_num VARCHAR(32))"))
        yield connection
    engine.dispose()


@pytest.mark.parametrize("found", ["0001", "0002"])
def test_revisions_up_to_the_last_one_are_known(connection: Connection, found: str) -> None:
    connection.execute(text(f"INSERT INTO t_schema VALUES ('{found}')"))
    assert known_revision(connection, "t_schema", "0002", of="the tables of t", error=ConfigurationError) == found


def test_a_newer_revision_is_refused_with_both_versions(connection: Connection) -> None:
    connection.execute(text("INSERT INTO t_schema VALUES ('0003')"))
    with pytest.raises(ConfigurationError, match=r"the tables of t are of version 0003, newer .* \(0002\): upgrade Driftline"):
        known_revision(connection, "t_schema", "0002", of="the tables of t", error=ConfigurationError)


class Spoken:
    """A connection that only notes what it is asked."""

    def __init__(self, dialect: object) -> None:
        self.dialect = dialect
        self.asked: list[str] = []

    def execute(self, statement: object, values: dict[str, object]) -> None:
        self.asked.append(f"{statement} {values['lock']}")


def test_the_lock_is_taken_as_each_database_wants_it() -> None:
    for dialect, asked in (
        (postgresql.dialect(), [f"SELECT pg_advisory_xact_lock(:lock) {0x64726966746C6E65}"]),
        (mysql.dialect(), ["SELECT get_lock(:lock, 60) driftlne", "SELECT release_lock(:lock) driftlne"]),
    ):
        spoken = Spoken(dialect)
        with pytest.raises(KeyError), one_after_the_other(spoken, "driftlne"):  # type: ignore[arg-type]
            raise KeyError
        assert spoken.asked == asked
