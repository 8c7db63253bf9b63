from prometheus_client import REGISTRY

from services.alerting.jobs.housekeeper import SEEN_KEPT_US, Housekeeper
from services.alerting.store import inbox
from tests.unit.alerting.builders import DAY, detected
from tests.unit.services.alerting.bench_of_parts import record


def test_the_gauges_say_what_is_open_and_how_long_it_waits(parts) -> None:
    parts.take(detected(severity="HIGH"))
    parts.pass_time(30)
    parts.clock.advance(5_000_000)
    Housekeeper(parts.database, parts.clock, history_days=90).run_once(lambda: None)
    value = REGISTRY.get_sample_value
    assert value("driftline_alerting_alerts_active", {"priority": "high"}) == 1
    assert value("driftline_alerting_outbox_pending") == 1
    assert value("driftline_alerting_outbox_age_seconds") == 5
    assert value("driftline_alerting_event_outbox_age_seconds") == 35


def test_what_is_long_over_is_forgotten_and_what_waits_is_kept(parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    parts.pass_time(3600)
    parts.clock.advance(90 * DAY + 1)
    Housekeeper(parts.database, parts.clock, history_days=90).run_once(lambda: None)
    assert [row.state for row in parts.notifications()] == ["pending"]
    with parts.database.read() as tx:
        wanted = record(detected()).event_id
        assert inbox.unseen(tx, [wanted]) == {wanted}


def test_a_repeat_after_its_note_is_forgotten_is_stale(parts) -> None:
    parts.take(detected())
    events = len(parts.events())
    parts.clock.advance(SEEN_KEPT_US + 1)
    Housekeeper(parts.database, parts.clock, history_days=90).run_once(lambda: None)
    parts.take(detected())
    assert len(parts.events()) == events
