import pytest

from driftline.alerting.config import load
from driftline.alerting.enrichment import Links
from services.alerting.api.alerts import routes
from tests.unit.alerting.builders import cleared, detected


@pytest.fixture
def story(parts):
    parts.take(detected(severity="HIGH"), detected(model_id="shop.churn", episode_id="b"))
    parts.pass_time(30)
    parts.deliver()
    parts.clock.advance(1)
    parts.take(cleared())
    return parts


def test_alerts_are_listed_and_filtered(client, story) -> None:
    both = client.get("/v1/alerts").json()["alerts"]
    assert [alert["model_name"] for alert in both] == ["flights.delay", "shop.churn"]

    def names(**query):
        return [alert["model_name"] for alert in client.get("/v1/alerts", params=query).json()["alerts"]]

    assert names(status="firing") == ["shop.churn"]
    assert names(status="resolved") == ["flights.delay"]
    assert names(priority="high") == ["flights.delay"]
    assert names(model_id="shop.churn") == ["shop.churn"]
    assert names(alert_type="data_quality") == []
    assert names(limit=1, offset=1) == ["shop.churn"]


def test_one_alert_comes_with_what_was_sent_about_it(client, story) -> None:
    (alert,) = client.get("/v1/alerts", params={"status": "firing"}).json()["alerts"]
    shown = client.get(f"/v1/alerts/{alert['fingerprint']}").json()
    assert shown["group_key"] == '{}:{model_id="shop.churn"}'
    (sent,) = shown["notifications"]
    assert (sent["channel"], sent["state"], sent["reason"], sent["attempts"]) == ("webhook", "sent", "first", 1)
    assert sent["due_at"] is None


TWO = """
route: {receiver: audit, group_wait: 1s, routes: [{receiver: team, continue: true}, {receiver: lead}]}
receivers: [{name: audit, channels: [webhook]}, {name: team, channels: [webhook]}, {name: lead, channels: [webhook]}]
"""


def test_an_alert_names_all_its_receivers_and_what_each_was_sent(make_parts, door) -> None:
    parts = make_parts(load(TWO, source="y"))
    client = door(lambda access: [routes(parts.database, Links(), access)])
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    (alert,) = client.get("/v1/alerts").json()["alerts"]
    shown = client.get(f"/v1/alerts/{alert['fingerprint']}").json()
    assert shown["receivers"] == ["lead", "team"]
    assert len({sent["group_key"] for sent in shown["notifications"]}) == 2


def test_groups_and_notifications_are_listed(client, story) -> None:
    groups = client.get("/v1/groups").json()["groups"]
    assert {group["labels"]["model_id"] for group in groups} == {"flights.delay", "shop.churn"}
    assert len(client.get("/v1/notifications", params={"state": "sent"}).json()["notifications"]) == 2
    assert client.get("/v1/notifications", params={"kind": "slack"}).json()["notifications"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/alerts/nope", 404),
        ("/v1/alerts?status=open", 422),
        ("/v1/alerts?limit=0", 422),
        ("/v1/notifications?state=x", 422),
    ],
)
def test_what_is_wrong_is_a_problem_document(client, story, path, status) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_token_nothing_is_shown(client, story) -> None:
    for path in ("/v1/alerts", "/v1/alerts/x", "/v1/groups", "/v1/notifications"):
        assert client.get(path, role=None).status_code == 401
        assert client.get(path, role="producer").status_code == 403


SILENCE = {"matchers": ['model_id="flights.delay",kind=~"feature|label"'], "duration": "2h", "comment": "retraining"}


def test_a_silence_is_made_seen_and_ended(client, parts) -> None:
    made = client.send("POST", "/v1/silences", json=SILENCE)
    assert made.status_code == 201
    silence = made.json()
    assert (silence["state"], silence["created_by"], silence["comment"]) == ("active", "operator", "retraining")
    assert silence["matchers"] == ['model_id="flights.delay"', 'kind=~"feature|label"']
    assert (silence["starts_at"], silence["ends_at"]) == ("1970-01-01T00:16:40.000000Z", "1970-01-01T02:16:40.000000Z")
    assert client.get("/v1/silences").json() == {"silences": [silence]}
    parts.clock.advance(60_000_000)
    ended = client.send("DELETE", f"/v1/silences/{silence['silence_id']}").json()
    assert (ended["state"], ended["ends_at"]) == ("expired", "1970-01-01T00:17:40.000000Z")
    assert client.get("/v1/silences").json() == {"silences": [ended]}


def test_a_silence_can_begin_later_but_not_earlier(client) -> None:
    later = client.send("POST", "/v1/silences", json={**SILENCE, "starts_at": "1970-01-02T00:00:00Z"}).json()
    assert (later["state"], later["ends_at"]) == ("pending", "1970-01-02T02:00:00.000000Z")
    earlier = client.send("POST", "/v1/silences", json={**SILENCE, "starts_at": "1970-01-01T00:00:00Z"}).json()
    assert earlier["starts_at"] == "1970-01-01T00:16:40.000000Z"


@pytest.mark.parametrize(
    "change",
    [
        {"matchers": []},
        {"matchers": ["x"]},
        {"matchers": ['x=~".*"']},
        {"duration": "soon"},
        {"duration": "0s"},
        {"comment": ""},
        {"starts_at": "noon"},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_a_silence_is_refused(client, change) -> None:
    answer = client.send("POST", "/v1/silences", json={**SILENCE, **change})
    assert answer.status_code == 422
    assert client.get("/v1/silences").json() == {"silences": []}


def test_only_operators_make_and_end_silences(client) -> None:
    assert client.send("POST", "/v1/silences", role="viewer", json=SILENCE).status_code == 403
    assert client.send("DELETE", "/v1/silences/x", role="viewer").status_code == 403
    assert client.get("/v1/silences", role="producer").status_code == 403
    assert client.send("DELETE", "/v1/silences/x").json()["code"] == "unknown_silence"
