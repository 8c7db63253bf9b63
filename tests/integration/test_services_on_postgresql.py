"""The stores of alerting, governance and console on PostgreSQL: their tables, and a first round of reading and writing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from driftline.kafka.ports import TopicPartition
from driftline.runtime.topic_cache import open_engine as governance_engine
from services.alerting.store.database import Database
from services.alerting.store.response import tables as _response  # noqa: F401  tables of the same database
from services.alerting.store.schema import VERSION_TABLE
from services.alerting.store.tables import metadata as alerting_tables
from services.console.store.projection import Projection
from services.console.store.queries import Queries
from services.console.store.tables import open_tables as console_engine
from services.governance.store import GOVERNANCE, Store

pytestmark = pytest.mark.integration

TOPIC_ID = {GOVERNANCE: "id-1"}


@pytest.fixture
def url(postgresql_url: str) -> str:
    return postgresql_url


def test_governance_keeps_its_positions_on_postgresql(url: str) -> None:
    store = Store(governance_engine(url))
    store.take([], {TopicPartition(GOVERNANCE, 0): 7}, TOPIC_ID)
    assert store.positions(TOPIC_ID) == {TopicPartition(GOVERNANCE, 0): 7}
    assert store.models() == {}
    store.note_kept({GOVERNANCE: 400.0})
    store.note_kept({GOVERNANCE: 401.0})
    evidence = store.evidence("m", 1)
    assert (evidence.kept_days, evidence.windows, evidence.model) == ({GOVERNANCE: 401.0}, [], None)
    assert (store.declared(), store.compliance_reports()) == ({}, {})
    store.close()
    again = Store(governance_engine(url))  # the tables are there
    assert again.positions(TOPIC_ID) == {TopicPartition(GOVERNANCE, 0): 7}
    again.close()


def test_the_console_answers_on_postgresql(url: str) -> None:
    engine = console_engine(url)
    Projection(engine).take([], {TopicPartition(GOVERNANCE, 0): 7}, TOPIC_ID)
    assert Projection(engine).positions(TOPIC_ID) == {TopicPartition(GOVERNANCE, 0): 7}
    queries = Queries(engine)
    assert (queries.fleet(), queries.alerts(open_=True), queries.problems(), queries.ledgers()) == ([], [], [], [])
    assert queries.window_count() == 0
    engine.dispose()


def test_replicas_of_alerting_that_start_together_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        for database in threads.map(Database, [url] * 4):
            database.close()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, alerting_tables) == []
    engine.dispose()


def test_alerting_has_its_tables_on_postgresql_and_lets_replicas_in(url: str) -> None:
    first, second = Database(url), Database(url)
    assert not first.single_replica
    with first.write() as connection:
        assert set(inspect(connection).get_table_names()) == {*alerting_tables.tables, VERSION_TABLE}
    for table in alerting_tables.sorted_tables:
        with second.read() as connection:  # the flag pen is the row that lets one replica write at a time
            assert connection.execute(table.select()).all() == ([("pen", 0)] if table.name == "flags" else [])
    first.close()
    second.close()
