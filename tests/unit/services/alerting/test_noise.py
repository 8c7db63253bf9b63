"""One message per cause, however many columns drift; what flaps, changes or can wait is not told at once, and never lost."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from driftline import codec
from driftline.alerting.config import load
from driftline.alerting.decisions import NotifyReason
from driftline.alerting.life import Happening
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.silences import Silence
from driftline.envelope import iso_time
from driftline.events import ColumnDrift, ModelRegistered, NotificationSuppressed
from services.alerting.store import alerts, history, silences
from tests.unit.alerting.builders import DAY, cleared, deployed, detected, monitor
from tests.unit.services.alerting.bench_of_parts import Parts, by_priority, record

HOUR = 3_600_000_000
COLUMNS = tuple(ColumnDrift(column=f"c{number:03}", measure="psi", value=1.0 + number, limit=0.2) for number in range(200))


def test_50_models_of_which_200_columns_drift_make_50_messages_with_the_worst_columns_and_the_count_of_the_rest(
    make_parts,
) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(*(detected(model_id=f"shop.m{number}", episode_id=f"e{number}", columns=COLUMNS) for number in range(50)))
    parts.pass_time(30)
    sent = [row for row in parts.notifications() if row.channel == "webhook"]
    assert [row.reason for row in sent] == [NotifyReason.FIRST] * 50
    parts.deliver()
    assert len(parts.channel.sent) == 50
    details = json.loads(parts.channel.sent[0].body)["alert_data"]["details"]
    assert details.splitlines()[-1] == "and 195 more checks"
    assert len(details.splitlines()) == 8
    assert "how far beyond their limits" in details.splitlines()[-2]


def test_one_window_of_a_model_is_one_message_whatever_else_of_it_drifts(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    causes = [("feature", ""), ("prediction", ""), ("multivariate", ""), ("feature", "carrier=AA"), ("feature", "carrier=UA")]
    parts.take(
        *(
            detected(model_id=f"shop.m{model}", episode_id=f"{model}.{number}", kind=kind, slice=part, columns=COLUMNS)
            for model in range(50)
            for number, (kind, part) in enumerate(causes)
        )
    )
    parts.pass_time(30)
    parts.pass_time(3000)
    assert len(parts.notifications(channel="webhook")) == 50


def told_bodies(parts):
    """What the webhook was sent, in order."""
    parts.deliver()
    return [json.loads(message.body) for message in parts.channel.sent]


def told(parts):
    """The same as reason and versions."""
    return [(body["reason"], [alert["model_version"] for alert in body["alerts"]]) for body in told_bodies(parts)]


def suppressed(parts):
    return [(event.reason, event.status) for event in parts.events() if isinstance(event, NotificationSuppressed)]


def explained(parts, client):
    (alert_id,) = [alert.alert_id for alert in firing(parts)]
    return " ".join(client.get(f"/v1/alerts/{alert_id}/explain").json()["explanation"])


def firing(parts):
    with parts.database.read() as tx:
        return alerts.firing(tx)


def test_bad_input_explains_the_drift_of_its_model_version_until_it_is_over(make_parts) -> None:
    routing = load("route: {receiver: all, group_by: [kind]}\nreceivers: [{name: all, channels: [webhook]}]")
    parts = make_parts(routing)
    bad = {"kind": "quality", "episode_id": "q"}
    parts.take(detected(**bad), detected(), detected(model_version="2", episode_id="other"))
    parts.pass_time(30)
    assert sorted(versions for _, versions in told(parts)) == [["1"], ["2"]]
    parts.take(cleared(**bad))
    parts.pass_time(300)
    parts.pass_time(300)
    assert ("new_alerts", ["1", "2"]) in told(parts)


def test_a_deployment_holds_back_new_drift_of_its_model_and_explain_names_it(parts, client) -> None:
    parts.clock.advance(10 * DAY - parts.clock.now_us())
    parts.take(deployed())
    parts.take(detected())
    parts.pass_time(30)
    parts.pass_time(300)
    assert suppressed(parts) == [("model_changed", "firing")]
    assert "Version 2 went to production" in explained(parts, client)
    parts.pass_time(3600)
    parts.pass_time(300)
    assert told(parts) == [("first", ["1"])]
    assert "Version 2" not in explained(parts, client)


def test_another_baseline_holds_back_new_drift_and_the_same_one_does_not(parts) -> None:
    parts.clock.advance(10 * DAY - parts.clock.now_us())
    parts.take(monitor(), monitor(monitor_version=2), detected())
    parts.pass_time(30)
    assert told(parts) == [("first", ["1"])]
    parts.take(monitor(monitor_version=3, baseline_id="c"), detected(model_version="2", episode_id="e2"))
    parts.pass_time(300)
    assert suppressed(parts) == [("model_changed", "firing")]


def test_other_events_and_tombstones_of_the_topics_of_governance_are_passed_over(parts) -> None:
    other = record(monitor())
    named = ModelRegistered(model_id="m", description="", owner="o", tags={}, actor="a", at=1)
    parts.intake.handle(
        [replace(other, value=None, offset=1, headers=()), replace(other, value=codec.encode(named), offset=2, headers=())]
    )
    assert firing(parts) == []


def flap(parts, times):
    """Begin and end so often; the last one holds on."""
    for number in range(times):
        span = {"since": 10 * DAY + number * HOUR, "episode_id": f"e{number}"}
        parts.take(detected(**span))
        parts.pass_time(300)
        if number + 1 < times:
            parts.take(cleared(episode_id=f"e{number}", window_end=10 * DAY + number * HOUR + 1))
            parts.pass_time(300)


def test_what_flaps_is_told_three_times_more_and_then_only_once_it_has_held_for_an_hour(parts, client) -> None:
    flap(parts, 6)
    reasons = [reason for reason, _ in told(parts)]
    assert reasons.count("first") == 4
    assert suppressed(parts) == [("flapping", "firing")] * 2
    assert "It flaps (5 new beginnings in a row)" in explained(parts, client)
    parts.pass_time(3600)
    parts.pass_time(300)
    assert [reason for reason, _ in told(parts)] == [*reasons, "first"]


def test_what_flaps_is_told_at_once_when_it_becomes_critical(parts) -> None:
    flap(parts, 5)
    before = len(told(parts))
    parts.take(detected(episode_id="e4", since=10 * DAY + 4 * HOUR, sequence=2, severity="CRITICAL"))
    parts.pass_time(300)
    assert len(told(parts)) == before + 1


def digests(parts):
    """Versions in each message."""
    found = told(parts)
    assert {reason for reason, _ in found} <= {"digest"}
    return [sorted(versions) for _, versions in found]


def digest_parts(make_parts):
    return make_parts(
        load(
            "route:\n  receiver: all\n  group_by: [model_id]\n  routes: [{matchers: ['priority=\"low\"'], digest: 1d}]\n"
            "receivers: [{name: all, channels: [webhook]}]"
        )
    )


def test_a_digest_is_one_message_at_the_end_of_the_day_with_what_ended_meanwhile(make_parts) -> None:
    parts = digest_parts(make_parts)
    low = [
        detected(model_id=f"m{number}", model_version=str(number), episode_id=f"e{number}", severity="LOW")
        for number in range(5)
    ]
    parts.take(*low[:3])
    parts.pass_time(3600)
    parts.take(cleared(model_id="m0", model_version="0", episode_id="e0"), *low[3:])
    parts.pass_time(3600)
    assert told(parts) == []
    parts.clock.advance(DAY - parts.clock.now_us())
    parts.pass_time(0)
    assert digests(parts) == [["0", "1", "2", "3", "4"]]
    parts.pass_time(43_200)
    parts.take(cleared(model_id="m1", model_version="1", episode_id="e1"))
    parts.pass_time(40_000)
    assert len(told(parts)) == 1
    parts.pass_time(3_200)
    assert digests(parts)[1:] == [["1", "2", "3", "4"]]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 2)),
        st.tuples(st.just("end"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from([60, 300, 3600, 43_200])),
        st.tuples(st.just("change"), st.integers(0, 2)),
    ),
    max_size=20,
)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(STEPS, st.booleans())
def test_whatever_is_damped_or_put_into_a_digest_is_in_a_later_message_or_recorded_as_not_told(steps, low) -> None:
    """An alert is told after each of its beginnings, or an event says why not; its history has all; what holds in the end is told."""
    with tempfile.TemporaryDirectory() as folder:
        parts = digest_parts(lambda routing: Parts(Path(folder), routing))
        parts.clock.advance(10 * DAY - parts.clock.now_us())
        sequences, open_ = [0, 0, 0], [False] * 3
        began = []
        for kind, which in steps:
            now = parts.clock.now_us()
            model = {"model_id": f"m{which}", "episode_id": f"{which}.{sequences[which]}"} if kind != "wait" else {}
            if kind == "begin" and not open_[which]:
                parts.take(detected(**model, since=now, severity="LOW" if low else "MEDIUM"))
                open_[which] = True
                began.append((f"m{which}", now))
            elif kind == "end" and open_[which]:
                parts.take(cleared(**model, window_end=now))
                open_[which], sequences[which] = False, sequences[which] + 1
            elif kind == "change":
                parts.take(deployed(model_id=f"m{which}", at=now))
            elif kind == "wait":
                parts.pass_time(which)
                parts.deliver()
        for seconds in (300, 3900, 86_400, 300, 300):
            parts.pass_time(seconds)
            parts.deliver()
        assert_nothing_is_lost(parts, began)
        parts.database.close()


def assert_nothing_is_lost(parts, began):
    messages = [json.loads(message.body) for message in parts.channel.sent]
    shown = {(alert["model_name"], alert["startsAt"]) for body in messages for alert in body["alerts"]}
    known = {alert.alert_id: alert.model_id for alert, _ in everything(parts)}
    for model, since in began:
        (alert_id,) = [alert_id for alert_id, name in known.items() if name == model]
        passed_over = any(isinstance(event, NotificationSuppressed) and alert_id in event.alert_ids for event in parts.events())
        told_later = any(name == model and at >= iso_time(since) for name, at in shown)
        assert told_later or passed_over
        with parts.database.read() as tx:
            lines = history.of(tx, alert_id, limit=1000)
        beginnings = [line for line in lines if line.happening in (Happening.FIRED, Happening.REOPENED)]
        assert len(beginnings) == sum(name == model for name, _ in began)
    last = {body["groupKey"]: body for body in messages}
    believed = {alert["fingerprint"] for body in last.values() for alert in body["alerts"] if alert["status"] == "firing"}
    assert believed == {alert.alert_id for alert in firing(parts)}


def everything(parts):
    with parts.database.read() as tx:
        return alerts.page(tx, filters={}, limit=100, offset=0)


def crowd(models: int, columns: int):
    """In one window: every model's inputs drift badly in many columns, less so its slices, its predictions and its performance."""
    worst = tuple(ColumnDrift(column=f"c{number}", measure="psi", value=1.0, limit=0.2) for number in range(columns))
    of_model: tuple[dict[str, Any], ...] = (
        {"severity": "CRITICAL", "columns": worst},
        {"severity": "HIGH", "columns": worst, "slice": "region=eu"},
        {"severity": "HIGH", "kind": "prediction"},
        {"severity": "MEDIUM", "kind": "performance"},
        {"severity": "LOW", "kind": "label"},
    )
    for model in range(models):
        for number, changes in enumerate(of_model):
            yield detected(model_id=f"shop.m{model}", episode_id=f"{model}/{number}", **changes)


def test_of_a_window_the_most_urgent_is_told_once_for_each_model(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(*crowd(50, 200))
    parts.pass_time(30)
    bodies = told_bodies(parts)
    assert len(bodies) == 50
    assert {body["alert_data"]["priority"] for body in bodies} == {"critical"}
    assert all("and 195 more checks" in body["alert_data"]["details"] for body in bodies)
    assert {body["alert_data"]["speaks_for"] for body in bodies} == {4}
    held = {reason for reason, _ in suppressed(parts)}
    assert held == {"spoken_for", "not_configured"}


def test_what_is_spoken_for_is_told_where_it_outlives_what_was_told(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    loud, quiet = {"severity": "CRITICAL"}, {"severity": "HIGH", "kind": "prediction", "episode_id": "p"}
    parts.take(detected(**loud), detected(**quiet))
    parts.pass_time(30)
    parts.take(cleared())
    parts.pass_time(300)
    parts.pass_time(300)
    said = sorted((body["alert_data"]["priority"], body["status"]) for body in told_bodies(parts))
    assert said == [("critical", "firing"), ("critical", "resolved"), ("high", "firing")]


@pytest.mark.parametrize(
    "changes",
    [
        {"since": 9 * DAY},
        {"model_version": "2"},
        {"model_id": "shop.churn"},
        {"severity": "CRITICAL", "slice": "region=eu"},
    ],
)
def test_what_has_another_cause_or_is_as_urgent_speaks_for_itself(make_parts, changes) -> None:
    routing = load("route: {receiver: all, group_by: [priority, slice, model_id, model_version, kind]}\n" + ALL)
    parts = make_parts(routing)
    parts.take(detected(severity="CRITICAL"), detected(**{"severity": "HIGH", "kind": "label", "episode_id": "b", **changes}))
    parts.pass_time(30)
    assert [body["alert_data"]["speaks_for"] for body in told_bodies(parts)] == [0, 0]


ALL = "receivers: [{name: all, channels: [webhook]}, {name: others, channels: [slack]}]"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["webhook"]),
        ("noise_control: {most_urgent_speaks: false}", ["webhook", "webhook"]),
    ],
)
def test_who_does_not_hear_of_the_most_urgent_hears_of_the_rest(make_parts, more, expected) -> None:
    routes = 'routes: [{matchers: [kind="prediction"], receiver: others, continue: true}, {receiver: all}]'
    tree = f"route: {{receiver: all, group_by: [priority], {routes}}}\n{ALL}\n{more}"
    parts = make_parts(load(tree))
    parts.take(detected(severity="CRITICAL"), detected(severity="HIGH", kind="prediction", episode_id="p"))
    parts.pass_time(30)
    assert sorted(row.channel for row in parts.notifications(state="pending")) == ["slack", *expected]


def test_what_is_silenced_speaks_for_nobody(make_parts) -> None:
    parts = make_parts(load("route: {receiver: all, group_by: [priority]}\n" + ALL))
    now = parts.clock.now_us()
    made = Silence(silence_id="s", matchers=parse_matchers('kind="feature"'), starts_at=now, ends_at=now + HOUR)
    with parts.database.write() as tx:
        silences.add(tx, made, now)
    parts.take(detected(severity="CRITICAL"), detected(severity="HIGH", kind="prediction", episode_id="p"))
    parts.pass_time(30)
    assert [body["alert_data"]["priority"] for body in told_bodies(parts)] == ["high"]
