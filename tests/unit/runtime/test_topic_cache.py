"""driftline.runtime.topic_cache: positions that go with what was read, and topics that were created anew."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select

from driftline.errors import ConfigurationError
from driftline.kafka.ports import TopicPartition
from driftline.runtime.topic_cache import Positions, open_engine

METADATA = MetaData()
SAID = {name: Table(name, METADATA, Column("word", String(16), primary_key=True)) for name in ("a", "b")}
POSITIONS = Positions(METADATA, {name: (table,) for name, table in SAID.items()})
IDS = {"a": "1", "b": "2"}


@pytest.fixture
def engine(tmp_path):
    made = open_engine(f"sqlite:///{tmp_path / 'cache.db'}")
    METADATA.create_all(made)
    yield made
    made.dispose()


def read(engine, offsets):
    with engine.begin() as connection:
        for place in offsets:
            connection.execute(insert(SAID[place.topic]).values(word=f"{place.partition}-{offsets[place]}"))
        POSITIONS.move(connection, offsets, IDS)


def test_a_database_that_takes_two_ids_for_one_is_refused():
    with pytest.raises(ConfigurationError, match="SQLite or PostgreSQL, not in mysql"):
        open_engine("mysql+pymysql://root@localhost/governance")


def test_positions_are_those_of_the_last_transaction(engine):
    assert POSITIONS.known(engine, IDS) == {}
    read(engine, {TopicPartition("a", 0): 3, TopicPartition("b", 1): 1})
    read(engine, {TopicPartition("a", 0): 5})
    assert POSITIONS.known(engine, IDS) == {TopicPartition("a", 0): 5, TopicPartition("b", 1): 1}


def test_what_a_topic_said_before_it_was_created_anew_is_forgotten(engine):
    read(engine, {TopicPartition("a", 0): 3, TopicPartition("b", 0): 1})
    assert POSITIONS.known(engine, IDS | {"a": "9"}) == {TopicPartition("b", 0): 1}
    with engine.connect() as connection:
        assert [connection.execute(select(table)).all() for table in SAID.values()] == [[], [("0-1",)]]


def test_readers_do_not_wait_for_the_writer(engine):
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
