import json
from dataclasses import replace

from driftline.alerting.routing import ChannelSpec
from driftline.events import NotificationSuppressed
from services.alerting.store.response import windows
from tests.unit.alerting.builders import cleared, detected
from tests.unit.alerting.channels.notices import schema
from tests.unit.alerting.response.builders import window
from tests.unit.services.alerting.bench_of_parts import by_priority, one_route


def reasons(parts, **filters):
    return [row.reason for row in parts.notifications(**filters)]


def groups_left(parts):
    from services.alerting.store import groups

    with parts.database.read() as tx:
        return groups.page(tx, limit=99, offset=0)


def test_a_group_waits_for_company_and_is_told_as_one(parts) -> None:
    parts.take(detected(), detected(model_version="2", episode_id="b"))
    parts.pass_time(29)
    assert parts.notifications() == []
    parts.pass_time(1)
    (row,) = parts.notifications()
    assert len(json.loads(row.alert_ids)) == 2


def test_what_was_told_is_not_told_again_until_its_repeat(parts) -> None:
    parts.take(detected())
    for _ in range(12):
        parts.pass_time(300)
        parts.deliver()
    assert reasons(parts) == ["first"]
    parts.pass_time(300)
    assert reasons(parts) == ["first", "repeat"]


def test_a_later_alert_of_the_group_waits_for_the_next_look(parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.take(detected(model_version="2", episode_id="b"))
    parts.pass_time(299)
    assert reasons(parts) == ["first"]
    parts.pass_time(1)
    assert reasons(parts) == ["first", "new_alerts"]


def test_the_end_is_told_and_the_group_forgotten_once_it_is_delivered(parts) -> None:
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    parts.take(cleared())
    parts.pass_time(300)
    assert reasons(parts) == ["first", "all_resolved"]
    assert len(groups_left(parts)) == 1
    parts.deliver()
    assert groups_left(parts) == []


def test_after_it_is_forgotten_the_same_episode_identity_is_news_with_another_id(parts) -> None:
    for number, (begin, end) in enumerate([("a", "a"), ("b", "b")]):
        parts.take(detected(episode_id=begin))
        parts.pass_time(30)
        parts.deliver()
        parts.take(cleared(episode_id=end))
        parts.pass_time(300)
        parts.deliver()
        assert len(parts.notifications()) == 2 * (number + 1)
    assert len({row.notification_id for row in parts.notifications()}) == 4


def test_what_ended_before_its_first_look_is_suppressed_and_forgotten(parts) -> None:
    parts.take(detected(), cleared())
    parts.pass_time(30)
    (row,) = parts.notifications()
    assert (row.state, row.reason) == ("suppressed", "resolved_before_told")
    suppressed = parts.events()[-1]
    assert isinstance(suppressed, NotificationSuppressed)
    assert suppressed.status == "resolved"
    assert groups_left(parts) == []


def test_channels_without_address_are_suppressed_with_the_reason(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(detected(severity="CRITICAL"))
    parts.pass_time(30)
    assert {row.kind: row.state for row in parts.notifications()} == {
        "slack": "suppressed",
        "email": "suppressed",
        "teams": "suppressed",
        "pagerduty": "suppressed",
        "webhook": "pending",
    }
    events = [event for event in parts.events() if isinstance(event, NotificationSuppressed)]
    assert {event.channel for event in events} == {"slack", "email", "teams", "pagerduty"}
    assert {event.reason for event in events} == {"not_configured"}


def test_a_channel_that_has_an_address_after_a_restart_is_told_at_its_next_look(make_parts) -> None:
    first = make_parts(configured=frozenset())
    first.take(detected())
    first.intake.open_all()
    first.pass_time(30)
    second = make_parts()
    second.intake.place_again()
    second.pass_time(300)
    assert [(row.state, row.reason) for row in second.notifications()] == [("suppressed", "first"), ("pending", "first")]


def test_both_routes_hear_of_the_end_of_an_alert_that_moved(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    parts.take(detected(sequence=2, severity="CRITICAL"))
    parts.pass_time(300)
    parts.deliver()
    parts.take(cleared(sequence=3))
    parts.pass_time(300)
    parts.deliver()
    told = [(row.group_key.split('"')[1], row.status) for row in parts.notifications(kind="webhook")]
    assert sorted(told[2:]) == [("critical", "resolved"), ("medium", "resolved")]
    assert told[:2] == [("medium", "firing"), ("critical", "firing")]
    assert groups_left(parts) == []


def test_an_alert_that_moved_before_it_was_told_is_told_once(make_parts) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(detected(), detected(sequence=2, severity="CRITICAL"))
    parts.pass_time(30)
    assert [row.group_key.split('"')[1] for row in parts.notifications(kind="webhook")] == ["critical"]


def test_an_untold_end_does_not_count_what_is_still_on_its_way_as_delivered(parts) -> None:
    from driftline.alerting.delivery import Refused

    parts.take(detected())
    parts.pass_time(30)
    parts.take(detected(model_version="2", episode_id="b"), cleared(model_version="2", episode_id="b"))
    parts.pass_time(300)
    assert reasons(parts) == ["first", "resolved_before_told"]
    parts.channel.answer = lambda _: Refused("answered 400", 400)
    parts.deliver()
    parts.channel.answer = type(parts.channel)().answer
    parts.pass_time(300)
    assert reasons(parts) == ["first", "resolved_before_told", "first"]


def test_two_channels_of_a_receiver_are_decided_apart(make_parts) -> None:
    quiet = ChannelSpec(kind="webhook", name="quiet", send_resolved=False)
    parts = make_parts(one_route(ChannelSpec(kind="webhook", name="webhook"), quiet))
    parts.take(detected())
    parts.pass_time(30)
    for name in ("webhook", "quiet"):
        parts.deliver(name)
    parts.take(cleared())
    parts.pass_time(300)
    parts.deliver()
    assert [(row.channel, row.state, row.reason) for row in parts.notifications()][2:] == [
        ("webhook", "sent", "all_resolved"),
        ("quiet", "suppressed", "all_resolved"),
    ]
    assert groups_left(parts) == []


def test_a_notification_carries_the_last_windows_of_what_it_is_about(parts) -> None:
    event = detected(kind="feature")
    with parts.database.write() as tx:
        for day in range(4):
            seen = window(day, model_id=event.model_id, model_version=event.model_version, granularity=event.granularity)
            windows.save(tx, replace(seen, feature_psi={"temp": 0.2 * day}, psi_limits={"temp": 0.25}), 1)
    parts.take(event, detected(kind="feature", slice="carrier=UA", episode_id="b", risk_score=1.0))
    parts.pass_time(30)
    parts.deliver()
    (sent,) = parts.channel.sent
    body = json.loads(sent.body)
    schema("webhook").validate(body)
    lead, other = body["alerts"]
    assert lead["trend"]["column"] == "temp"
    assert lead["trend"]["limit"] == 0.25
    assert [value for _, value in lead["trend"]["points"]] == [0.0, 0.2, 0.4, 0.6]
    assert "trend" not in other
