import pytest

from driftline.errors import InvalidRecord, UnknownSchema
from driftline.events import AlertFired, AlertResolved
from services.alerting.adapters.received import Received
from services.alerting.store import alerts, groups, inbox
from tests.unit.alerting.builders import cleared, detected, health_cleared, health_opened
from tests.unit.services.alerting.bench_of_parts import TOPIC, TOPIC_IDS, by_priority, record


def firing(parts):
    with parts.database.read() as tx:
        return alerts.firing(tx)


def test_a_drift_event_becomes_an_alert_with_everything_people_need(make_parts) -> None:
    parts = make_parts(by_priority())
    parts.take(detected(severity="HIGH", risk_score=70.0, slice="carrier=UA"))
    (alert,) = firing(parts)
    (event,) = parts.events()
    assert isinstance(event, AlertFired)
    assert event.alert_id == alert.alert_id
    assert event.group_key == '{}/{priority="high"}:{model_id="flights.delay"}'
    assert event.channels == ("slack", "email", "teams", "webhook")
    assert (event.emoji, event.color) == ("🔴", "#f44336")
    assert event.tags == ("drift_detection", "model:delay", "severity:high")
    assert event.runbook_url == "https://wiki/mlops/drift-runbook"
    assert event.dashboard_url == "https://dash/model-monitoring-delay"
    assert event.affected_segments == ("carrier=UA",)
    assert event.source_event_id == record(detected()).cause


def test_the_same_record_twice_changes_nothing(parts) -> None:
    again = record(detected())
    parts.intake.handle([again, again])
    parts.intake.handle([again])
    assert len(parts.events()) == 1


def test_an_event_that_the_producer_repeated_under_its_id_changes_nothing(parts) -> None:
    parts.intake.handle([record(detected(), offset=0), record(detected(), offset=1)])
    assert len(parts.events()) == 1


def test_begin_and_end_in_one_batch_are_both_told_to_kafka(parts) -> None:
    parts.take(detected(), cleared())
    fired, resolved = parts.events()
    assert isinstance(fired, AlertFired)
    assert isinstance(resolved, AlertResolved)
    assert resolved.group_key == fired.group_key
    assert resolved.reason == "clean"
    assert firing(parts) == []


def test_an_alert_that_becomes_worse_moves_to_its_new_route_and_leaves_the_old(make_parts) -> None:
    parts = make_parts(by_priority())
    parts.take(detected())
    parts.take(detected(sequence=2, severity="CRITICAL"))
    assert places(parts) == {
        '{}/{priority="medium"}:{model_id="flights.delay"}': True,
        '{}/{priority="critical"}:{model_id="flights.delay"}': False,
    }


def test_an_alert_that_becomes_worse_in_the_same_batch_was_never_in_its_old_route(make_parts) -> None:
    parts = make_parts(by_priority())
    parts.take(detected(), detected(sequence=2, severity="CRITICAL"))
    assert places(parts) == {'{}/{priority="critical"}:{model_id="flights.delay"}': False}


def places(parts) -> dict[str, bool]:
    """The group of each place of the only alert, and whether it leaves."""
    with parts.database.read() as tx:
        found = groups.members_of(tx, [group.key for group in groups.page(tx, limit=9, offset=0)])
    return {key: members[0].leaving for key, members in found.items()}


def test_an_end_of_something_unknown_is_no_event(parts) -> None:
    parts.take(cleared(), health_cleared())
    assert parts.events() == []


def test_health_is_told_like_drift(parts) -> None:
    parts.take(health_opened(), health_cleared())
    assert [type(event).__name__ for event in parts.events()] == ["AlertFired", "AlertResolved"]


@pytest.mark.parametrize(
    ("value", "error"), [(None, InvalidRecord), (b"{}", InvalidRecord), (b"\xc3\x01" + b"x" * 20, UnknownSchema)]
)
def test_a_record_that_cannot_be_read_stops_and_keeps_nothing_of_its_batch(parts, value, error) -> None:
    broken = Received(topic=TOPIC, partition=0, offset=1, value=value, headers=())
    with pytest.raises(error):
        parts.intake.handle([record(detected()), broken])
    assert firing(parts) == []
    assert parts.events() == []
    with parts.database.read() as tx:
        assert inbox.positions_of(tx, TOPIC_IDS) == {}


def test_positions_are_noted_with_what_was_handled(parts) -> None:
    parts.intake.handle([record(detected(), offset=41)])
    parts.intake.handle([record(detected(episode_id="b"), offset=7)])
    with parts.database.read() as tx:
        assert inbox.positions_of(tx, TOPIC_IDS) == {(TOPIC, 0): 42}
        assert inbox.positions_of(tx, {TOPIC: "created anew"}) == {}


def test_history_is_read_in_silence_and_then_only_what_holds_is_told(parts) -> None:
    history = [
        record(detected(), 0),
        record(cleared(), 1),
        record(detected(model_id="other", episode_id="b"), 2),
        record(detected(model_id="other", episode_id="b", sequence=2, severity="HIGH"), 3),
    ]
    parts.intake.handle(history, news=False)
    parts.pass_time(1000)
    assert parts.events() == []
    assert parts.notifications() == []
    assert parts.intake.open_all() == 1
    (event,) = parts.events()
    assert event.model_id == "other"
    assert event.severity == "HIGH"
    assert event.source_event_id == history[3].cause
    assert parts.intake.open_all() == 0
    parts.pass_time(30)
    assert [row.reason for row in parts.notifications()] == ["first"]


def test_a_rebuilt_database_gives_the_same_event_ids_as_the_lost_one(make_parts, tmp_path) -> None:
    from services.alerting.store import outbox

    def ids(parts):
        with parts.database.read() as tx:
            return [event.envelope.id for event in outbox.pending_events(tx, 10)]

    lost = make_parts()
    lost.take(detected())
    before = ids(lost)
    lost.database.close()
    for file in tmp_path.glob("alerting.db*"):
        file.unlink()
    rebuilt = make_parts()
    rebuilt.intake.handle([record(detected())], news=False)
    rebuilt.intake.open_all()
    assert ids(rebuilt) == before


def test_another_routing_moves_what_holds(make_parts) -> None:
    parts = make_parts()
    parts.take(detected())
    parts.intake.open_all()
    later = make_parts(by_priority())
    later.intake.place_again()
    with later.database.read() as tx:
        keys = {group.key for group in groups.page(tx, limit=9, offset=0)}
    assert '{}/{priority="medium"}:{model_id="flights.delay"}' in keys
    later.pass_time(400)
    with later.database.read() as tx:
        assert {group.key for group in groups.page(tx, limit=9, offset=0)} == {
            '{}/{priority="medium"}:{model_id="flights.delay"}'
        }


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (detected(severity="HIGH"), "DRIFT_ALERT"),
        (detected(severity="CRITICAL"), "CRITICAL_DRIFT_DETECTED"),
        (detected(kind="quality", severity="CRITICAL"), ""),
        (health_opened(severity="CRITICAL"), ""),
    ],
)
def test_the_event_of_a_drift_alert_says_what_audit_trails_call_it(parts, event, action) -> None:
    parts.take(event)
    (fired,) = parts.events()
    assert fired.action == action
