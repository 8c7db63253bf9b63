"""One statement for many rows writes what SQLAlchemy would write."""

import pytest
from sqlalchemy import bindparam, create_engine, insert, select, update

from services.alerting.store.many import Many
from services.alerting.store.tables import groups, members


@pytest.fixture
def tx(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    groups.metadata.create_all(engine, tables=[groups, members])
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def rows(*keys):
    usual = {"route_key": "{}", "receiver": "it's 100%", "labels": "{}", "interval": 5, "next_look_at": None, "last_look_at": 1}
    return [{"group_key": key, "epoch": number, **usual} for number, key in enumerate(keys)]


def test_rows_are_written_by_their_names_whatever_the_order(tx) -> None:
    first, second = rows("a", "ä:?%s")
    add = Many(insert(groups))
    add.run(tx, [first, dict(reversed(second.items()))])
    add.run(tx, [])
    found = [dict(row._mapping) for row in tx.execute(select(groups).order_by(groups.c.epoch))]
    assert found == [first, second]


def test_an_update_counts_on_from_what_stands_and_changes_only_its_own_rows(tx) -> None:
    Many(insert(groups)).run(tx, rows("a", "b", "c"))
    here = update(groups).where(groups.c.group_key == bindparam("key"))
    Many(here.values(next_look_at=bindparam("at"), epoch=groups.c.epoch + 10)).run(
        tx, [{"key": "a", "at": 7}, {"key": "c", "at": 8}]
    )
    Many(here).run(tx, [{"key": "b", "interval": 6}])
    found = [(row.group_key, row.next_look_at, row.epoch, row.interval) for row in tx.execute(select(groups))]
    assert sorted(found) == [("a", 7, 10, 5), ("b", None, 1, 6), ("c", 8, 12, 5)]


def test_booleans_are_written_as_the_database_reads_them(tx) -> None:
    Many(insert(members)).run(tx, [{"group_key": "a", "alert_id": name, "leaving": name == "x"} for name in "xy"])
    assert {row.alert_id: row.leaving for row in tx.execute(select(members))} == {"x": True, "y": False}
