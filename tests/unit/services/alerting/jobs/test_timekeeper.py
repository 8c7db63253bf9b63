"""Escalation on a database: who is told when nobody takes care, also over restarts."""

import json

import pytest

from driftline.alerting.alert import Acknowledgement
from driftline.alerting.config import load
from driftline.errors import ConfigurationError
from services.alerting.jobs.rota_sources import RotaSources
from services.alerting.jobs.timekeeper import Timekeeper
from services.alerting.store import acknowledgements, alerts, escalations, history
from tests.unit.alerting.builders import cleared, detected

SECOND = 1_000_000
TREE = """
route:
  receiver: team
  group_by: [model_id]
  group_wait: 30s
  group_interval: 1m
  repeat_interval: 1d
  escalation: owners
escalations:
  - name: owners
    levels:
      - {wait: 5m, receiver: lead, repeat_interval: 10m HOURS}
      - {wait: 15m, on_call: primary}
on_call:
  - name: primary
    shifts: [{receiver: ada, from: "1970-01-01T00:00:00Z", until: "1970-01-01T01:00:00Z"}]
    otherwise: grace
time_intervals:
  - name: afternoon
    time_intervals: [{times: [{start_time: "12:00", end_time: "24:00"}]}]
receivers: RECEIVERS
"""
NAMES = ("team", "lead", "ada", "grace")


def routing(hours="", levels=None):
    receivers = [{"name": name, "webhook_configs": [{"url": "https://example.org/"}]} for name in NAMES]
    text = TREE.replace("HOURS", hours).replace("RECEIVERS", json.dumps(receivers))
    return load(text if levels is None else text.replace("      - {wait: 15m, on_call: primary}\n", levels))


def live(parts, seconds, step=10):
    """Time passes and everything that is due is done."""
    for _ in range(seconds // step):
        parts.clock.advance(step * SECOND)
        keep_time(parts)
        parts.pass_time(0)


def live_and_deliver(parts, seconds, step=10):
    """The same, and everything that is to be sent is."""
    for _ in range(seconds // step):
        live(parts, step)
        for channel in parts.routing.channels:
            parts.deliver(channel)


def keep_time(parts):
    Timekeeper(parts.database, parts.in_force, parts.clock, on_changed=lambda: None).run_once(lambda: None)


def told(parts):
    """Receiver and reason of every notification."""
    return [(row.channel.partition("/")[0], row.reason) for row in parts.notifications()]


def acknowledge(parts, until=None):
    with parts.database.write() as tx:
        (alert,) = alerts.firing(tx)
        given = Acknowledgement(by="me", at=parts.clock.now_us(), until=until)
        acknowledgements.set_for(tx, alert.alert_id, given)


@pytest.fixture
def parts(make_parts):
    return make_parts(routing())


def test_one_level_after_the_other_is_told_while_nobody_takes_care(parts) -> None:
    parts.take(detected())
    live(parts, 290)
    assert told(parts) == [("team", "first")]
    live(parts, 10)
    assert told(parts) == [("team", "first"), ("lead", "first")]
    live(parts, 890)
    assert told(parts)[2:] == [("lead", "repeat")]
    live(parts, 10)
    assert told(parts)[3:] == [("ada", "first")]
    with parts.database.read() as tx:
        (alert,) = alerts.firing(tx)
        lines = [line.detail for line in history.of(tx, alert.alert_id, limit=9) if line.happening == "escalated"]
    assert lines == [f"level {n}: {who} is told, for nobody has taken care" for n, who in ((2, "ada"), (1, "lead"))]


def test_everybody_who_was_told_hears_of_the_end_and_nobody_is_told_later(parts) -> None:
    parts.take(detected())
    live(parts, 400)
    parts.take(cleared())
    live(parts, 3600, step=60)
    ends = [("lead", "all_resolved"), ("team", "all_resolved")]
    assert (told(parts)[:2], sorted(told(parts)[2:])) == ([("team", "first"), ("lead", "first")], ends)
    with parts.database.read() as tx:
        assert escalations.next_due(tx) is None


def test_who_is_on_call_when_the_level_is_reached_is_told(make_parts) -> None:
    parts = make_parts(routing())
    parts.clock.advance(3000 * SECOND)
    parts.take(detected())
    live(parts, 1300)
    assert told(parts)[-1] == ("grace", "first")


def test_somebody_who_takes_care_stops_the_climb_and_the_time_of_that_does_not_count(parts) -> None:
    parts.take(detected())
    live(parts, 200)
    acknowledge(parts, until=parts.clock.now_us() + 1000 * SECOND)
    live(parts, 1090)
    assert told(parts) == [("team", "first")]
    live(parts, 10)
    assert told(parts) == [("team", "first"), ("lead", "first")]


def test_a_restart_neither_forgets_nor_repeats_a_level(make_parts) -> None:
    parts = make_parts(routing())
    parts.take(detected())
    parts.intake.open_all()
    for _ in range(40):
        live(parts, 30)
        parts = make_parts(routing())
        parts.intake.place_again()
    assert told(parts) == [("team", "first"), ("lead", "first"), ("lead", "repeat"), ("ada", "first")]


def test_after_a_long_sleep_levels_still_wait_for_each_other(parts) -> None:
    parts.take(detected())
    live(parts, 60)
    live(parts, 7200, step=7200)
    assert told(parts) == [("team", "first"), ("lead", "first")]
    live(parts, 900)
    assert ("grace", "first") in told(parts)


def test_a_level_outside_of_its_hours_is_told_when_they_begin(make_parts) -> None:
    parts = make_parts(routing(hours=", active_time_intervals: [afternoon]"))
    parts.clock.advance(11 * 3600 * SECOND - parts.clock.now_us())
    parts.take(detected())
    live(parts, 1000)
    states = [(row.channel.partition("/")[0], row.state) for row in parts.notifications()]
    assert states == [("team", "pending"), ("lead", "suppressed")]
    live(parts, 2700)
    assert [name for name, _ in told(parts)].count("lead") == 2


def test_a_changed_policy_holds_for_the_next_alert_and_one_that_climbs_keeps_its_own(make_parts) -> None:
    parts = make_parts(routing())
    parts.take(detected())
    parts.intake.open_all()
    live(parts, 400)
    parts = make_parts(routing(levels=""))
    parts.intake.place_again()
    live(parts, 1000)
    assert told(parts) == [("team", "first"), ("lead", "first"), ("lead", "repeat"), ("ada", "first")]
    parts.take(cleared(), detected(episode_id="b", since=20 * 86_400 * SECOND))
    live(parts, 4000, step=50)
    assert "grace" not in [name for name, _ in told(parts)]


def test_a_source_says_who_is_on_call_and_what_it_said_last_stands_while_it_cannot_be_used(make_parts) -> None:
    parts = make_parts(sourced())
    said: dict[str, str | None] = {
        "text": json.dumps({"shifts": [{"receiver": "ada", "from": "1970-01-01T00:00:00Z", "until": "1970-01-02T00:00:00Z"}]})
    }

    def read(source):
        assert source.url == "https://rota.example.org/primary"
        if said["text"] is None:
            raise ConfigurationError("answered 503")
        return said["text"]

    sources = RotaSources(parts.database, parts.in_force, parts.clock, read)
    assert sources.run_once(lambda: None) == parts.clock.now_us() + 300 * SECOND
    for text in (None, "shifts: [{receiver: nobody}]", "{", "shifts: 5", "[]"):
        said["text"] = text
        parts.clock.advance(300 * SECOND)
        sources.run_once(lambda: None)
    parts.take(detected())
    live(parts, 1300)
    assert told(parts)[-1] == ("ada", "first")
    said["text"] = "shifts: []"
    sources.run_once(lambda: None)
    parts.take(detected(model_id="other", episode_id="o"))
    live(parts, 1300)
    assert ("grace", "first") in told(parts)


def sourced():
    receivers = [{"name": name, "webhook_configs": [{"url": "https://example.org/"}]} for name in NAMES]
    text = TREE.replace("HOURS", "").replace("RECEIVERS", json.dumps(receivers))
    shifts = '    shifts: [{receiver: ada, from: "1970-01-01T00:00:00Z", until: "1970-01-01T01:00:00Z"}]\n'
    assert shifts in text
    return load(text.replace(shifts, "    source: {url: https://rota.example.org/primary}\n"))


def test_a_new_occurrence_begins_at_the_bottom(parts) -> None:
    parts.take(detected())
    live_and_deliver(parts, 400)
    parts.take(cleared())
    live_and_deliver(parts, 120)
    parts.take(detected(episode_id="b", since=20 * 86_400 * SECOND))
    live_and_deliver(parts, 290)
    ends = [("lead", "all_resolved"), ("team", "all_resolved")]
    assert told(parts) == [("team", "first"), ("lead", "first"), *ends, ("team", "first")]
    live_and_deliver(parts, 60)
    assert told(parts)[-1] == ("lead", "first")
