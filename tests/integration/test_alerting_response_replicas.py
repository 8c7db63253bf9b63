"""Two replicas decide over one PostgreSQL at once: one plan, one command, nothing said twice."""

import threading

import pytest
from sqlalchemy import select

from driftline.clock import ManualClock
from services.alerting.jobs.response.responder import Responder
from services.alerting.store.database import Database
from services.alerting.store.response import windows
from services.alerting.store.response.tables import history, plans
from services.alerting.store.tables import event_outbox
from tests.unit.alerting.response.builders import DAY, MODEL, policy
from tests.unit.alerting.response.builders import windows as days

pytestmark = pytest.mark.integration


def test_two_replicas_do_nothing_twice(postgresql_url) -> None:
    databases = [Database(postgresql_url), Database(postgresql_url)]
    clock = ManualClock(100 * DAY)
    models = [f"nyc.m{number}" for number in range(10)]
    with databases[0].write() as tx:
        for model in models:
            for one in days(45.0, 45.0, model_id=model):
                windows.save(tx, one, 1)
    rules = policy()
    everybody = type(rules)(models=dict.fromkeys(models, rules.of(MODEL)))
    failures: list[BaseException] = []

    def work(database: Database) -> None:
        try:
            responder = Responder(database, lambda: everybody, clock, lambda: None)
            for _ in range(3):
                responder.run_once(lambda: None)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with databases[0].read() as tx:
        found = tx.execute(select(plans.c.model_id, plans.c.state)).all()
        commands = tx.execute(select(event_outbox.c.key).where(event_outbox.c.type == "ServingCommand")).scalars().all()
        steps = tx.execute(select(history)).all()
    assert sorted(row.model_id for row in found) == sorted(models)
    assert {row.state for row in found} == {"verifying"}
    assert sorted(commands) == sorted(models)
    assert len(steps) == 5 * len(models)
    for database in databases:
        database.close()
