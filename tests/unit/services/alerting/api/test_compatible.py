import json

import pytest

from driftline.alerting.alert import fingerprint
from driftline.alerting.config import load
from driftline.events import AlertFired, AlertResolved
from services.alerting.api.compatible import compatible_routes
from tests.unit.alerting.builders import detected

SECOND = 1_000_000
DISK = {"alertname": "disk", "severity": "warning", "node": "a"}
TREE = """
global: {resolve_timeout: 5m}
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes: [{matchers: [severity="critical"], receiver: pager}]
inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [node]}
receivers: [{name: team, channels: [webhook]}, {name: pager, channels: [webhook]}]
"""


@pytest.fixture
def parts(make_parts):
    return make_parts(load(TREE))


@pytest.fixture
def client(parts, door):
    return door(lambda access: [compatible_routes(parts.database, parts.in_force, access, parts.clock, parts.intake.post)])


def post(client, *alerts):
    return client.send("POST", "/api/v2/alerts", json=list(alerts), role="producer")


def names(client, **query):
    return [one["labels"]["alertname"] for one in client.get("/api/v2/alerts", params=query).json()]


def test_a_posted_alert_is_told_with_its_annotations_and_over_when_it_is_not_sent_again(client, parts) -> None:
    given = {"labels": DISK, "annotations": {"summary": "Disk full", "description": "97 %"}, "generatorURL": "http://p/g"}
    assert post(client, given).status_code == 200
    (shown,) = client.get("/api/v2/alerts").json()
    assert (shown["labels"], shown["annotations"], shown["generatorURL"]) == (DISK, given["annotations"], "http://p/g")
    assert shown["fingerprint"] == fingerprint(DISK)
    assert (shown["startsAt"], shown["endsAt"]) == ("1970-01-01T00:16:40.000000Z", "1970-01-01T00:21:40.000000Z")
    parts.pass_time(30)
    parts.deliver()
    (alert,) = json.loads(parts.channel.sent[0].body)["alerts"]
    assert (alert["title"], alert["details"], alert["priority"]) == ("Disk full", "97 %", "medium")
    parts.clock.advance(269 * SECOND)
    assert parts.intake.expire() is not None
    assert names(client) == ["disk"]
    parts.clock.advance(SECOND)
    assert parts.intake.expire() is None
    assert names(client) == []
    parts.pass_time(60)
    assert [row.reason for row in parts.notifications()] == ["first", "all_resolved"]
    assert [type(event) for event in parts.events() if isinstance(event, AlertFired | AlertResolved)] == [
        AlertFired,
        AlertResolved,
    ]


def test_sending_it_again_keeps_it_alive_and_is_no_news(client, parts) -> None:
    for _ in range(10):
        post(client, {"labels": DISK})
        parts.clock.advance(120 * SECOND)
        parts.intake.expire()
    assert len([event for event in parts.events() if isinstance(event, AlertFired)]) == 1
    assert names(client) == ["disk"]


def test_the_good_ones_of_a_request_are_kept_although_others_are_refused(client) -> None:
    answer = post(client, {"labels": {}}, {"labels": DISK}, {"labels": {"a": "b"}, "startsAt": "noon"})
    assert answer.status_code == 400
    assert "at least one label pair required" in answer.json()
    assert names(client) == ["disk"]


def test_alerts_are_found_by_filter_receiver_and_state(client, parts) -> None:
    post(client, {"labels": DISK}, {"labels": {"alertname": "down", "severity": "critical", "node": "a"}})
    parts.take(detected())
    assert sorted(names(client)) == ["disk", "down", "drift_detection"]
    assert names(client, filter='alertname=~"d[a-z]*n"') == ["down"]
    assert names(client, receiver="pag.*") == ["down"]
    assert "disk" not in names(client, inhibited="false")
    (disk,) = client.get("/api/v2/alerts", params={"filter": "alertname=disk"}).json()
    assert disk["status"]["state"] == "suppressed"
    assert len(disk["status"]["inhibitedBy"]) == 1
    assert client.get("/api/v2/alerts", params={"filter": 'a=~"("'}).status_code == 400


def test_groups_are_shown_with_their_receiver(client) -> None:
    post(client, {"labels": DISK}, {"labels": {**DISK, "node": "b"}})
    (group,) = client.get("/api/v2/alerts/groups").json()
    assert (group["labels"], group["receiver"], len(group["alerts"])) == ({"alertname": "disk"}, {"name": "team"}, 2)


def silence(**changes):
    matchers = [{"name": "node", "value": "a|b", "isRegex": True, "isEqual": True}]
    times = {"startsAt": "1970-01-01T00:00:00Z", "endsAt": "1970-01-01T02:00:00Z"}
    return {"matchers": matchers, "createdBy": "me", "comment": "c", **times, **changes}


def test_a_silence_is_made_changed_and_ended(client) -> None:
    post(client, {"labels": DISK})
    made = client.send("POST", "/api/v2/silences", json=silence()).json()["silenceID"]
    (alert,) = client.get("/api/v2/alerts").json()
    assert alert["status"]["silencedBy"] == [made]
    other = client.send("POST", "/api/v2/silences", json=silence(id=made, comment="d")).json()["silenceID"]
    states = {one["id"]: (one["status"]["state"], one["comment"]) for one in client.get("/api/v2/silences").json()}
    assert states == {made: ("expired", "c"), other: ("active", "d")}
    assert client.get(f"/api/v2/silence/{other}").json()["matchers"] == silence()["matchers"]
    assert client.send("DELETE", f"/api/v2/silence/{other}").status_code == 200
    assert client.get(f"/api/v2/silence/{other}").json()["status"]["state"] == "expired"


def test_silences_that_cannot_be_are_refused_in_words(client) -> None:
    past = client.send("POST", "/api/v2/silences", json=silence(endsAt="1970-01-01T00:00:01Z"))
    assert (past.status_code, past.json()) == (400, "end time can't be in the past")
    early = client.send("POST", "/api/v2/silences", json=silence(startsAt="1970-01-01T03:00:00Z"))
    assert (early.status_code, early.json()) == (400, "start time must be before end time")
    everything = [{"name": "x", "value": ".*", "isRegex": True}]
    assert client.send("POST", "/api/v2/silences", json=silence(matchers=everything)).status_code == 400
    assert client.send("POST", "/api/v2/silences", json=silence(id="none")).status_code == 404
    assert client.send("DELETE", "/api/v2/silence/none").status_code == 404


def test_status_and_receivers_say_what_runs_and_no_secrets(client) -> None:
    status = client.get("/api/v2/status").json()
    assert status["cluster"] == {"status": "disabled", "peers": []}
    assert status["versionInfo"]["version"].startswith("driftline ")
    assert client.get("/api/v2/receivers").json() == [{"name": "team"}, {"name": "pager"}]


def test_roles_hold_here_too(client) -> None:
    assert client.send("POST", "/api/v2/alerts", json=[], role="viewer").status_code == 403
    assert client.get("/api/v2/alerts", role=None).status_code == 401
    assert client.send("POST", "/api/v2/silences", json=silence(), role="viewer").status_code == 403


def test_a_label_without_a_name_is_refused(client) -> None:
    answer = post(client, {"labels": {**DISK, "": "x"}})
    assert (answer.status_code, answer.json()) == (400, 'invalid label set: invalid name ""')
    assert names(client) == []
