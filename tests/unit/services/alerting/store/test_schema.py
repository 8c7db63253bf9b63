from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, inspect, select, text

from driftline.alerting.alert import Posted
from driftline.errors import ConfigurationError
from driftline.revisions import revision_of, revisions
from services.alerting.store import alerts
from services.alerting.store.database import Database
from services.alerting.store.response.tables import plans
from services.alerting.store.schema import MIGRATIONS, VERSION, VERSION_TABLE
from services.alerting.store.tables import flags, metadata


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def start(url: str) -> None:
    with closing(Database(url)):
        pass


def test_the_revisions_make_the_tables_that_the_code_wants(url: str, engine: Engine) -> None:
    start(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert revision_of(connection, VERSION_TABLE) == VERSION
    assert revisions(MIGRATIONS).get_heads() == [VERSION]


def test_a_database_from_before_versions_is_taken_over_with_all_it_has(url: str, engine: Engine) -> None:
    metadata.create_all(engine, tables=[table for table in metadata.sorted_tables if table is not plans])
    with engine.begin() as connection:
        connection.execute(insert(flags).values(name="x", at=1))
    start(url)
    start(url)
    with engine.connect() as connection:
        assert connection.execute(select(flags)).all() == [("x", 1)]
        assert inspect(connection).has_table(plans.name)
        assert revision_of(connection, VERSION_TABLE) == VERSION


def test_posted_alerts_keep_what_was_posted_when_it_moves_to_them(url: str, engine: Engine) -> None:
    start(url)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX alerts_by_expiry"))
        for name in ("annotations", "generator_url", "expires_at"):
            connection.execute(text(f"ALTER TABLE alerts DROP COLUMN {name}"))
        connection.execute(text("CREATE TABLE posted (alert_id TEXT, annotations TEXT, generator_url TEXT, expires_at BIGINT)"))
        connection.execute(text("INSERT INTO posted VALUES ('a', '{\"x\": \"y\"}', 'http://p', 7)"))
        for alert in "ab":
            connection.execute(
                text(
                    "INSERT INTO alerts (alert_id, status, model_id, model_version, alert_type, priority, severity, title, details,"
                    " labels, affected_segments, starts_at, fired_at, updated_at, episode_id, sequence, source_event_id)"
                    f" VALUES ('{alert}', 'firing', '', '', 'general', 'low', '', '', '', '{{}}', '[]', 1, 1, 1, '', 0, '')"
                )
            )
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0002'"))
    start(url)
    with engine.connect() as connection:
        found = alerts.find_all(connection, "ab")
    assert found["a"].posted == Posted(annotations={"x": "y"}, generator_url="http://p", expires_at=7)
    assert found["b"].posted is None
    assert not inspect(engine).has_table("posted")


def test_a_table_of_another_form_is_named_and_nothing_is_touched(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE told (group_key VARCHAR(700) PRIMARY KEY)"))
    for _ in range(2):  # the file is not kept locked by the first try
        with pytest.raises(ConfigurationError, match="told of the alerting database lacks acknowledged, at, channel"):
            start(url)
    assert inspect(engine).get_table_names() == ["told"]


def test_tables_of_a_newer_driftline_are_refused(url: str, engine: Engine) -> None:
    start(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer than this Driftline"):
        start(url)
