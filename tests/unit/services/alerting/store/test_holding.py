"""Silences, inhibition and muted times in the dispatcher, on a database."""

import json

from driftline.alerting.config import load
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.silences import Silence
from driftline.events import NotificationSuppressed
from services.alerting.store import alerts, silences
from tests.unit.alerting.builders import DAY, cleared, detected, health_cleared, health_opened

SECOND = 1_000_000
TREE = """
route:
  receiver: all
  group_by: [alertname, model_id]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes:
    - matchers: [alert_type="drift_detection"]
      {route}
receivers: [{{name: all, channels: [webhook]}}]
{rest}
"""
SECOND_MODEL = {"model_version": "2", "episode_id": "b"}


def states(parts):
    return [(row.reason, row.state) for row in parts.notifications()]


def shown(parts):
    """Models and versions in the last message."""
    alerts = json.loads(parts.channel.sent[-1].body)["alerts"]
    return [(alert["model_name"], alert["model_version"]) for alert in alerts]


def silence(parts, text, seconds, *, after=0, silence_id="s"):
    start = parts.clock.now_us() + after * SECOND
    made = Silence(silence_id=silence_id, matchers=parse_matchers(text), starts_at=start, ends_at=start + seconds * SECOND)
    with parts.database.write() as tx:
        silences.add(tx, made, parts.clock.now_us())
    return made


def test_what_is_silenced_is_recorded_once_and_told_after_the_silence(parts) -> None:
    silence(parts, 'model_id="flights.delay"', 700)
    parts.take(detected())
    parts.pass_time(30)
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed")]
    (event,) = [event for event in parts.events() if isinstance(event, NotificationSuppressed)]
    assert (event.reason, event.status) == ("silenced", "firing")
    parts.pass_time(300)
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed"), ("first", "pending")]
    parts.deliver()
    assert shown(parts) == [("flights.delay", "1")]


def test_a_silence_that_is_ended_early_lets_go(parts) -> None:
    made = silence(parts, 'model_id="flights.delay"', 7000)
    parts.take(detected())
    parts.pass_time(30)
    with parts.database.write() as tx:
        ended = silences.end(tx, made, by="me", now=parts.clock.now_us())
        assert silences.end(tx, ended, by="me", now=parts.clock.now_us() + 5) == ended
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed"), ("first", "pending")]


def test_an_end_is_told_although_it_is_silenced(parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    silence(parts, 'model_id="flights.delay"', 7000)
    parts.take(cleared())
    parts.pass_time(300)
    assert states(parts) == [("first", "sent"), ("all_resolved", "pending")]


def test_what_began_and_ended_in_a_silence_is_never_told(parts) -> None:
    silence(parts, 'model_id="flights.delay"', 7000)
    parts.take(detected())
    parts.pass_time(30)
    parts.take(cleared())
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed"), ("resolved_before_told", "suppressed")]


def test_a_told_alert_that_is_silenced_is_not_repeated_until_the_silence_is_over(parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    silence(parts, 'model_id="flights.delay"', 5000)
    for _ in range(18):
        parts.pass_time(300)
    assert [row.reason for row in parts.notifications(state="pending")] == ["repeat"]
    assert parts.notifications()[-1].decided_at >= 6000 * SECOND


def test_only_what_is_not_silenced_is_shown(parts) -> None:
    silence(parts, 'model_version="2"', 7000)
    parts.take(detected(), detected(**SECOND_MODEL))
    parts.pass_time(30)
    parts.deliver()
    assert shown(parts) == [("flights.delay", "1")]
    parts.pass_time(300)
    assert states(parts) == [("first", "sent"), ("new_alerts", "suppressed")]


INHIBIT = """inhibit_rules:
  - source_matchers: [alertname="critical_failure"]
    target_matchers: [alertname="drift_detection"]
    equal: [model_id]
"""


def cause(parts):
    """The name of the alert that a health event makes here."""
    return next(event for event in parts.events() if getattr(event, "alert_type", "drift_detection") != "drift_detection")


def test_a_cause_that_fires_inhibits_its_effect_until_it_is_over(make_parts) -> None:
    probe = make_parts()
    probe.take(health_opened())
    name = cause(probe).alert_type
    parts = make_parts(load(TREE.format(route="group_wait: 30s", rest=INHIBIT.replace("critical_failure", name))))
    parts.take(detected(), detected(model_id="shop.churn", episode_id="c"))
    parts.pass_time(30)

    def told(model):
        return [row.state for row in parts.notifications() if model in row.group_key and "drift_detection" in row.group_key]

    assert (told("flights.delay"), told("shop.churn")) == (["suppressed"], ["pending"])
    (event,) = [event for event in parts.events() if isinstance(event, NotificationSuppressed)]
    assert event.reason == "inhibited"
    parts.take(health_cleared())
    parts.pass_time(300)
    assert told("flights.delay") == ["suppressed", "pending"]


def test_what_a_replica_with_a_late_clock_writes_counts_as_a_later_change(parts) -> None:
    parts.take(detected(), detected(**SECOND_MODEL))
    with parts.database.write() as tx:
        since = alerts.last_change(tx)
        (first, _) = alerts.firing(tx)
        alerts.save(tx, [first], {first.alert_id}, parts.clock.now_us() - 60 * SECOND)
        assert alerts.changed_since(tx, since) == [first]
        assert alerts.changed_since(tx, alerts.last_change(tx)) == []


def test_a_cause_that_comes_after_the_first_look_inhibits_what_comes_then(make_parts) -> None:
    probe = make_parts()
    probe.take(health_opened())
    rule = INHIBIT.replace("critical_failure", cause(probe).alert_type)
    parts = make_parts(load(TREE.format(route="group_wait: 30s", rest=rule)))
    since = len(parts.notifications())
    for event in (detected(model_id="shop.churn", episode_id="c"), health_cleared(), health_opened(at=22 * DAY), detected()):
        parts.take(event)
        parts.pass_time(30)
    drift = [row.state for row in parts.notifications()[since:] if "drift_detection" in row.group_key]
    assert drift == ["pending", "suppressed"]


MUTE = """time_intervals:
  - name: early
    time_intervals: [{times: [{start_time: "00:00", end_time: "00:30"}]}]
"""


def muted(make_parts):
    """The clock of the parts begins at 00:16:40 UTC."""
    return make_parts(load(TREE.format(route="mute_time_intervals: [early]", rest=MUTE)))


def test_a_muted_route_tells_once_the_time_is_over(make_parts) -> None:
    parts = muted(make_parts)
    parts.take(detected())
    parts.pass_time(30)
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed")]
    parts.pass_time(300)
    parts.pass_time(300)
    assert states(parts) == [("first", "suppressed"), ("first", "pending")]
    assert parts.clock.now_us() >= 1800 * SECOND


def test_an_end_waits_for_the_end_of_a_muted_time_too(make_parts) -> None:
    parts = muted(make_parts)
    parts.clock.advance(1000 * SECOND)
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    assert states(parts) == [("first", "sent")]
    parts.clock.advance((86_400 - 2100) * SECOND)
    parts.take(cleared())
    parts.pass_time(300)
    assert states(parts)[-1] == ("all_resolved", "suppressed")
    parts.pass_time(300)
    assert len(states(parts)) == 2
    for _ in range(8):
        parts.pass_time(300)
    assert states(parts)[-1] == ("all_resolved", "pending")
    parts.deliver()
    assert [row.state for row in parts.notifications()] == ["sent", "suppressed", "sent"]


def test_outside_of_its_active_time_a_route_tells_nothing(make_parts) -> None:
    parts = make_parts(load(TREE.format(route="active_time_intervals: [early]", rest=MUTE)))
    parts.clock.advance(3600 * SECOND)
    parts.take(detected())
    parts.pass_time(30)
    assert states(parts) == [("first", "suppressed")]
