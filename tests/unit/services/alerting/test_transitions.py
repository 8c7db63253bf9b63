"""Whatever happens to an alert is an event on `alerts`, so that the ledger has it."""

from driftline import codec
from driftline.alerting.alert import Acknowledgement
from driftline.alerting.escalation import Climb
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.silences import Silence
from driftline.events import (
    AlertAcknowledged,
    AlertEscalated,
    AlertFired,
    AlertResolved,
    AlertSilenced,
    AlertUnacknowledged,
)
from services.alerting.jobs.timekeeper import Timekeeper
from services.alerting.store import acknowledgements, alerts, escalations, history, outbox, silences
from tests.unit.alerting.builders import DAY, SECOND, cleared, detected
from tests.unit.services.alerting.bench_of_parts import by_priority

NOW = 1_000 * SECOND
CRITICAL = {"severity": "CRITICAL", "risk_score": 95.0}


def on_alerts(parts):
    with parts.database.read() as tx:
        return [codec.decode(one.value) for one in outbox.pending_events(tx, 1000) if one.topic == outbox.ALERTS]


def only_alert(parts):
    with parts.database.read() as tx:
        (alert,) = alerts.firing(tx)
    return alert


def keep_time(parts):
    Timekeeper(parts.database, parts.in_force, parts.clock, on_changed=lambda: None).run_once(lambda: None)


def a_silence(parts, comment="the feed is being repaired"):
    now = parts.clock.now_us()
    return Silence(
        silence_id="s-1",
        matchers=tuple(parse_matchers('model_id="flights.delay"')),
        starts_at=now,
        ends_at=now + 3600 * SECOND,
        created_by="ada",
        comment=comment,
    )


def test_firing_again_says_that_it_reopened_and_getting_worse_that_it_was_raised(parts) -> None:
    parts.intake.open_all()
    parts.take(detected(), detected(sequence=2, severity="HIGH"), detected(sequence=3, severity="HIGH"), cleared(sequence=4))
    parts.take(detected(episode_id="episode-2", since=20 * DAY))
    said = [event.happening if isinstance(event, AlertFired) else type(event) for event in on_alerts(parts)]
    assert said == ["fired", "raised", "", AlertResolved, "reopened"]


def test_taking_care_of_it_and_no_longer_are_events_of_who_and_why(parts) -> None:
    parts.intake.open_all()
    parts.take(detected())
    alert_id = only_alert(parts).alert_id
    with parts.database.write() as tx:
        given = Acknowledgement(by="ada", at=NOW, until=NOW + 60 * SECOND, comment="mine")
        acknowledgements.set_for(tx, alert_id, given)
    parts.clock.advance(60 * SECOND)
    keep_time(parts)
    _, care, over = on_alerts(parts)
    assert isinstance(care, AlertAcknowledged)
    assert (care.by, care.until, care.comment, care.model_id) == ("ada", NOW + 60 * SECOND, "mine", "flights.delay")
    assert isinstance(over, AlertUnacknowledged)
    assert (over.alert_id, over.by, over.at) == (alert_id, "", NOW + 60 * SECOND)
    assert over.group_key == care.group_key


def test_escalating_is_an_event_of_the_level_and_who_is_told(make_parts) -> None:
    parts = make_parts(by_priority())
    parts.intake.open_all()
    parts.take(detected(**CRITICAL))
    parts.clock.advance(900 * SECOND)
    keep_time(parts)
    escalated = on_alerts(parts)[-1]
    assert isinstance(escalated, AlertEscalated)
    assert (escalated.level, escalated.receiver) == (1, "emergency")


def test_a_second_replica_that_saw_the_same_level_due_does_not_reach_it_again(make_parts) -> None:
    parts = make_parts(by_priority())
    parts.intake.open_all()
    parts.take(detected(**CRITICAL))
    alert_id = only_alert(parts).alert_id
    parts.clock.advance(900 * SECOND)
    with parts.database.read() as tx:
        (seen,) = escalations.due(tx, parts.clock.now_us(), 10)
    keep_time(parts)
    other = Timekeeper(parts.database, parts.in_force, parts.clock, on_changed=lambda: None)
    with parts.database.write() as tx:
        other._escalate(tx, seen, parts.clock.now_us())
    with parts.database.read() as tx:
        lines = [line.happening.value for line in history.of(tx, alert_id, limit=10)]
        (climb,) = escalations.of(tx, alert_id).values()
    assert lines == ["escalated", "fired"]
    assert isinstance(climb, Climb)
    assert climb.level == 1
    assert sum(isinstance(event, AlertEscalated) for event in on_alerts(parts)) == 1


def test_a_silence_names_whom_it_keeps_quiet_and_stands_in_their_history(parts) -> None:
    parts.intake.open_all()
    parts.take(detected(), detected(model_id="other", episode_id="e2"))
    with parts.database.write() as tx:
        silences.add(tx, a_silence(parts), parts.clock.now_us())
        silences.end(tx, a_silence(parts), by="bob", now=parts.clock.now_us() + SECOND)
    *_, made, ended = on_alerts(parts)
    assert isinstance(made, AlertSilenced)
    assert isinstance(ended, AlertSilenced)
    with parts.database.read() as tx:
        (quiet,) = [alert for alert in alerts.firing(tx) if alert.model_id == "flights.delay"]
        line = history.of(tx, quiet.alert_id, limit=1)[0]
    assert (made.ended, made.by, made.alert_ids, made.matchers) == (
        False,
        "ada",
        (quiet.alert_id,),
        ('model_id="flights.delay"',),
    )
    assert (ended.ended, ended.by) == (True, "bob")
    assert line.happening.value == "silenced"
    assert "the feed is being repaired" in line.detail
