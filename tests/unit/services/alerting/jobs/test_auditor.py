"""The auditor says that all that was due was done, or is silent."""

import pytest

from driftline.alerting.delivery import TryAgain
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.jobs.auditor import Auditor
from services.alerting.metrics import OVERDUE
from tests.unit.alerting.builders import SECOND, detected
from tests.unit.services.alerting.bench_of_parts import by_priority


class Heartbeat:
    def __init__(self) -> None:
        self.beats = 0
        self.answer = Answer(200, None, b"")

    def get(self, headers):
        assert headers
        self.beats += 1
        return self.answer

    def close(self) -> None:
        self.beats = -1


def overdue():
    return {sample.labels["what"]: sample.value for metric in OVERDUE.collect() for sample in metric.samples}


@pytest.fixture
def heart():
    return Heartbeat()


@pytest.fixture
def parts(make_parts):
    return make_parts(by_priority())


def test_the_heartbeat_goes_out_once_a_minute_while_nothing_is_overdue(parts, heart) -> None:
    auditor = Auditor(parts.database, parts.clock, heart)
    for _ in range(13):
        auditor.run_once(lambda: None)
        parts.clock.advance(10 * SECOND)
    assert heart.beats == 3
    heart.answer = TryAgain("no answer")
    assert auditor.run_once(lambda: None) == parts.clock.now_us() + 50 * SECOND


def test_what_was_due_for_minutes_and_not_done_stops_the_heartbeat_and_is_named(parts, heart) -> None:
    auditor = Auditor(parts.database, parts.clock, heart)
    parts.take(detected(severity="CRITICAL"))
    with parts.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM event_outbox")
    parts.clock.advance(320 * SECOND)
    auditor.run_once(lambda: None)
    assert (heart.beats, overdue()["group"]) == (1, 0)
    parts.clock.advance(60 * SECOND)
    auditor.run_once(lambda: None)
    assert (heart.beats, overdue()["group"], overdue()["escalation"]) == (1, 1, 0)
    parts.pass_time(0)
    with parts.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM event_outbox")
    parts.clock.advance(900 * SECOND)
    auditor.run_once(lambda: None)
    assert (heart.beats, overdue()["group"], overdue()["escalation"]) == (1, 0, 1)


def test_it_lets_go_of_the_heart(parts, heart) -> None:
    Auditor(parts.database, parts.clock, heart).close()
    Auditor(parts.database, parts.clock, None).close()
    assert heart.beats == -1
