import pytest

from driftline.alerting.delivery import Delivered, Refused, TryAgain
from services.alerting.api.life import explain_routes
from services.alerting.jobs.timekeeper import Timekeeper
from services.alerting.store import alerts
from tests.unit.alerting.builders import cleared, detected
from tests.unit.services.alerting.bench_of_parts import by_priority

SECOND = 1_000_000


@pytest.fixture
def alert_id(parts):
    """An alert that the webhook has been told of."""
    parts.take(detected(severity="HIGH"))
    parts.pass_time(30)
    parts.deliver()
    return parts.notifications()[0].alert_ids[2:18]


def happenings(client, alert_id):
    lines = client.get(f"/v1/alerts/{alert_id}/history").json()["history"]
    return [(line["happening"], line["by"]) for line in reversed(lines)]


def said(client, alert_id):
    return "\n".join(client.get(f"/v1/alerts/{alert_id}/explain").json()["explanation"])


def reasons(parts):
    return [row.reason for row in parts.notifications()]


def test_what_somebody_takes_care_of_is_not_repeated_but_its_end_is_told(client, parts, alert_id) -> None:
    taken = client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={"duration": "0", "comment": "looking"})
    assert taken.json()["acknowledged"]["by"] == "operator"
    assert taken.json()["acknowledged"]["until"] is None
    assert "operator takes care of it until it ends" in said(client, alert_id)
    parts.pass_time(300)
    parts.pass_time(7200)
    assert reasons(parts) == ["first"]
    parts.take(cleared())
    parts.pass_time(300)
    assert reasons(parts) == ["first", "all_resolved"]
    assert happenings(client, alert_id) == [("fired", ""), ("acknowledged", "operator"), ("resolved", "")]


def test_it_is_repeated_again_once_nobody_takes_care(client, parts, alert_id) -> None:
    client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={})
    parts.pass_time(300)
    parts.pass_time(3900)
    assert reasons(parts) == ["first"]
    client.send("DELETE", f"/v1/alerts/{alert_id}/acknowledge")
    parts.pass_time(300)
    assert reasons(parts) == ["first", "repeat"]
    assert happenings(client, alert_id)[-1] == ("unacknowledged", "operator")


def test_an_acknowledgement_ends_by_itself_also_over_a_restart(client, parts, alert_id) -> None:
    client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={"duration": "2h"})
    parts.pass_time(7000)
    keeper = Timekeeper(parts.database, parts.in_force, parts.clock, on_changed=lambda: None)
    due = keeper.run_once(lambda: None)
    assert due is not None
    parts.clock.advance(due - parts.clock.now_us())
    assert Timekeeper(parts.database, parts.in_force, parts.clock, on_changed=lambda: None).run_once(lambda: None) is None
    parts.pass_time(300)
    assert reasons(parts) == ["first", "repeat"]
    assert happenings(client, alert_id)[-1] == ("unacknowledged", "")


def test_what_is_more_urgent_is_told_although_somebody_takes_care(client, parts, alert_id) -> None:
    client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={})
    parts.take(detected(sequence=2, severity="CRITICAL"))
    parts.pass_time(300)
    assert reasons(parts) == ["first", "raised"]
    assert happenings(client, alert_id)[-1] == ("raised", "")


def test_the_next_occurrence_is_nobodys_yet(client, parts, alert_id) -> None:
    client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={})
    parts.take(cleared())
    parts.take(detected(episode_id="episode-2", since=20 * 86_400 * SECOND))
    assert client.get(f"/v1/alerts/{alert_id}").json()["acknowledged"] is None
    assert happenings(client, alert_id)[-1] == ("reopened", "")


def test_what_is_over_is_not_taken_care_of(client, parts, alert_id) -> None:
    parts.take(cleared())
    answer = client.send("POST", f"/v1/alerts/{alert_id}/acknowledge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_firing")


def test_only_operators_take_care_and_what_is_wrong_is_said(client, alert_id) -> None:
    path = f"/v1/alerts/{alert_id}/acknowledge"
    assert client.send("POST", path, role="viewer", json={}).status_code == 403
    assert client.send("DELETE", path, role="viewer").status_code == 403
    assert client.send("POST", path, json={"duration": "soon"}).json()["code"] == "invalid_duration"
    assert client.send("POST", "/v1/alerts/none/acknowledge", json={}).status_code == 404
    assert client.get("/v1/alerts/none/explain").status_code == 404
    assert client.get("/v1/notifications/msg_0/explain").status_code == 404


def test_it_is_explained_who_was_told_when_and_what_comes_next(client, parts, alert_id) -> None:
    text = said(client, alert_id)
    assert "it fires since 1970-01-11" in text
    assert "The route {} sends it to 'all', in the group {}:{model_id=\"flights.delay\"}" in text
    assert "webhook: told at 1970-01-01T00:17:10" in text
    assert "told again after 1970-01-01T01:17:10Z" in text
    assert ".000000" not in text


def test_what_is_still_on_its_way_does_not_count_as_told(client, parts) -> None:
    parts.take(detected(severity="HIGH"))
    parts.pass_time(30)
    text = said(client, parts.notifications()[0].alert_ids[2:18])
    assert "  webhook: a notification is about to be sent." in text
    assert "told at" not in text


def test_a_silence_is_named_as_the_reason(client, parts, alert_id) -> None:
    silence = {"matchers": ['kind="feature"'], "duration": "2h", "comment": "retraining"}
    made = client.send("POST", "/v1/silences", json=silence).json()
    text = said(client, alert_id)
    assert f"The silence {made['silence_id']} of operator keeps it quiet until" in text
    assert '"retraining"' in text
    parts.take(detected(model_id="other", episode_id="b"))
    parts.pass_time(30)
    (row,) = [row for row in parts.notifications() if row.state == "suppressed"]
    explained = client.get(f"/v1/notifications/{row.notification_id}/explain").json()
    assert explained["error"] == "silenced"
    assert explained["explanation"].startswith("Not sent because a silence held")


def test_a_notification_on_its_way_is_explained_with_its_trouble(client, parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.channel.answer = lambda _: TryAgain("answered 503", 503)
    parts.deliver()
    (row,) = parts.notifications()
    text = said(client, row.alert_ids[2:18])
    assert "tried 1 time (answered 503), next try" in text
    assert "answered 503" in client.get(f"/v1/notifications/{row.notification_id}/explain").json()["explanation"]


def test_what_a_channel_refused_for_good_is_explained_and_told_once_in_the_history(client, parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.channel.answer = lambda _: Refused("answered 404", 404)
    parts.deliver()
    alert_id = parts.notifications()[0].alert_ids[2:18]
    assert (
        "webhook: not told of it; the last notification was given up at 1970-01-01T00:17:10Z after 1 try (answered 404)"
        in said(client, alert_id)
    )
    assert "a notification follows at the next look" in said(client, alert_id)
    for _ in range(2):
        parts.pass_time(300)
        parts.deliver()
    assert happenings(client, alert_id) == [("fired", ""), ("undelivered", "")]
    (line, _) = client.get(f"/v1/alerts/{alert_id}/history").json()["history"]
    assert line["detail"] == "webhook: given up after 1 try: answered 404"
    parts.channel.answer = lambda _: Delivered(200)
    parts.pass_time(300)
    parts.deliver()
    assert "given up" not in said(client, alert_id)


def test_an_alert_that_joins_a_group_whose_channel_fails_has_that_in_its_history_too(client, parts) -> None:
    parts.channel.answer = lambda _: Refused("answered 404", 404)
    for kind in ("feature", "prediction"):
        parts.take(detected(kind=kind, episode_id=kind))
        parts.pass_time(300)
        parts.deliver()
    with parts.database.read() as tx:
        firing = alerts.firing(tx)
    assert [happenings(client, one.alert_id)[-1][0] for one in firing] == ["undelivered", "undelivered"]


def test_it_is_said_when_it_is_escalated_and_to_whom(make_parts, door) -> None:
    parts = make_parts(by_priority())
    client = door(lambda access: [explain_routes(parts.database, parts.in_force, access, parts.clock)])
    parts.take(detected(severity="CRITICAL"))
    with parts.database.read() as tx:
        (alert,) = alerts.firing(tx)
    assert "it is escalated to 'emergency' at 1970-01-01T00:31:40" in said(client, alert.alert_id)
