import threading

from structlog.testing import capture_logs

from driftline.alerting.delivery import Delivered, Refused, RetryPolicy, TryAgain
from driftline.events import HealthCleared, HealthOpened, NotificationFailed, NotificationSent
from services.alerting.jobs.sender import give_up_elsewhere
from services.alerting.store import outbox
from tests.unit.alerting.builders import cleared, detected
from tests.unit.services.alerting.bench_of_parts import SECOND, record


def of_kind(parts, kind):
    return [event for event in parts.events() if isinstance(event, kind)]


def told(parts):
    parts.take(detected())
    parts.pass_time(30)
    return parts


def deliver(sender) -> None:
    """Send what is due, and record the answers."""
    sender.run_once(lambda: None)
    for future in list(sender._sending):
        future.exception()
    sender.run_once(lambda: None)


def test_a_delivered_notification_is_recorded(parts) -> None:
    told(parts).deliver()
    (row,) = parts.notifications()
    assert (row.state, row.attempts, row.response_code) == ("sent", 1, 200)
    (event,) = of_kind(parts, NotificationSent)
    assert event.notification_id == row.notification_id == parts.channel.sent[0].notification_id
    assert (event.channel, event.status, event.attempts) == ("webhook", "firing", 1)


def test_a_failed_try_is_recorded_and_repeated_later_with_the_same_id(parts) -> None:
    parts.channel.answer = lambda _: TryAgain("answered 503", 503) if len(parts.channel.sent) < 3 else Delivered(202)
    told(parts)
    for seconds in (0, 0.5, 1):
        parts.pass_time(seconds)
        parts.deliver()
    assert len(parts.channel.sent) == 3
    assert len({message.notification_id for message in parts.channel.sent}) == 1
    failed = of_kind(parts, NotificationFailed)
    assert [(event.attempts, event.error) for event in failed] == [(1, "answered 503"), (2, "answered 503")]
    assert failed[0].retry_at is not None
    (sent,) = of_kind(parts, NotificationSent)
    assert sent.attempts == 3


def test_before_its_time_nothing_is_repeated(parts) -> None:
    parts.channel.answer = lambda _: TryAgain("answered 429", 429, retry_after_us=2 * SECOND)
    told(parts).deliver()
    parts.pass_time(1.9)
    parts.deliver()
    assert len(parts.channel.sent) == 1
    parts.pass_time(0.2)
    parts.deliver()
    assert len(parts.channel.sent) == 2


def test_a_refused_notification_fails_and_the_next_look_tells_again_under_another_id(parts) -> None:
    parts.channel.answer = lambda _: Refused("answered 400", 400)
    told(parts).deliver()
    (row,) = parts.notifications()
    assert (row.state, row.error) == ("failed", "answered 400")
    assert of_kind(parts, NotificationFailed)[0].retry_at is None
    parts.channel.answer = lambda _: Delivered(200)
    parts.pass_time(300)
    parts.deliver()
    first, second = parts.notifications()
    assert (second.reason, second.state) == ("first", "sent")
    assert first.notification_id != second.notification_id


def test_what_cannot_be_delivered_for_long_is_given_up(parts) -> None:
    parts.channel.answer = lambda _: TryAgain("no answer within 30 s")
    told(parts)
    for _ in range(3):
        parts.deliver(policy=RetryPolicy(give_up_after_us=SECOND))
        parts.clock.advance(SECOND)
    (row,) = parts.notifications()
    assert row.state == "failed"


def test_a_resolve_that_failed_is_sent_again(parts) -> None:
    told(parts).deliver()
    parts.take(cleared())
    parts.channel.answer = lambda _: Refused("answered 500", 500)
    parts.pass_time(300)
    parts.deliver()
    parts.channel.answer = lambda _: Delivered(200)
    parts.pass_time(300)
    parts.deliver()
    assert [(row.reason, row.state) for row in parts.notifications()] == [
        ("first", "sent"),
        ("all_resolved", "failed"),
        ("all_resolved", "sent"),
    ]


def test_notifications_of_one_group_go_out_in_order(parts) -> None:
    parts.channel.answer = lambda _: TryAgain("answered 503", 503)
    told(parts).deliver()
    parts.take(cleared())
    parts.pass_time(300)
    parts.channel.answer = lambda _: TryAgain("answered 503", 503, retry_after_us=60 * SECOND)
    parts.deliver()
    assert len({message.notification_id for message in parts.channel.sent}) == 1
    parts.channel.answer = lambda _: Delivered(200)
    parts.clock.advance(60 * SECOND)
    parts.deliver()
    assert [row.state for row in parts.notifications()] == ["sent", "sent"]
    assert [row.status for row in parts.notifications()] == ["firing", "resolved"]


def test_a_claim_whose_process_died_goes_out_again_with_the_same_id(make_parts) -> None:
    first = told(make_parts())
    with first.database.write() as tx:
        (claimed,) = outbox.claim(tx, "webhook", now=first.clock.now_us(), lease_us=60 * SECOND, limit=5)
    second = make_parts()
    second.deliver()
    assert second.channel.sent == []
    with second.database.write() as tx:
        outbox.release_claims(tx, second.clock.now_us())
    second.deliver()
    assert [message.notification_id for message in second.channel.sent] == [claimed.notification_id]
    assert second.notifications()[0].attempts == 2


def test_a_claim_is_taken_by_one_only(parts) -> None:
    told(parts)
    now = parts.clock.now_us()
    with parts.database.write() as tx:
        assert len(outbox.claim(tx, "webhook", now=now, lease_us=SECOND, limit=5)) == 1
        assert outbox.claim(tx, "webhook", now=now, lease_us=SECOND, limit=5) == []


def test_what_waits_for_a_channel_that_is_gone_is_given_up(parts) -> None:
    told(parts)
    with parts.database.write() as tx:
        give_up_elsewhere(tx, ["other"], parts.clock.now_us())
    (row,) = parts.notifications()
    assert (row.state, row.error) == ("failed", "its channel is not configured any more")


def test_a_recovery_is_said_although_the_alert_about_the_failure_has_not_come_back_yet(parts) -> None:
    told(parts)
    parts.take(detected(model_id="other", episode_id="b"))
    parts.pass_time(30)
    parts.channel.answer = lambda message: Refused("answered 400", 400) if len(parts.channel.sent) == 1 else Delivered(200)
    sender = parts.sender()
    for _ in range(3):
        sender.run_once(lambda: None)
        for future in list(sender._sending):
            future.exception()
    sender.close()
    assert {type(event).__name__ for event in parts.events()} >= {"HealthOpened", "HealthCleared"}


def test_slow_messages_do_not_hold_up_others(parts) -> None:
    release = threading.Event()
    first_taken, second_taken = threading.Event(), threading.Event()

    def answer(message):
        if not first_taken.is_set():
            first_taken.set()
            release.wait(10)
        else:
            second_taken.set()
        return Delivered(200)

    parts.channel.answer = answer
    parts.take(detected(), detected(model_id="other", episode_id="b"))
    parts.pass_time(30)
    sender = parts.sender()
    sender.run_once(lambda: None)
    assert first_taken.wait(10)
    assert second_taken.wait(10)
    release.set()
    sender.close()
    assert [row.state for row in parts.notifications()] == ["sent", "sent"]


def test_a_failing_channel_is_said_once_and_so_is_its_recovery(parts) -> None:
    parts.channel.answer = lambda _: TryAgain("answered 503", 503)
    told(parts)
    for _ in range(3):
        parts.deliver()
        parts.clock.advance(60 * SECOND)
    (opened,) = of_kind(parts, HealthOpened)
    assert (opened.kind, opened.subject, opened.severity) == ("channel_failing", "webhook", "HIGH")
    parts.intake.handle([record(opened)])
    parts.deliver()
    assert len(of_kind(parts, HealthOpened)) == 1
    parts.channel.answer = lambda _: Delivered(200)
    parts.clock.advance(60 * SECOND)
    parts.deliver()
    (closed,) = of_kind(parts, HealthCleared)
    parts.intake.handle([record(closed)])
    parts.pass_time(30)
    parts.deliver()
    assert len(of_kind(parts, HealthCleared)) == 1


def test_later_messages_of_a_group_go_where_the_first_one_began_until_its_end(parts) -> None:
    threads = iter(["C1 1.1", None, "C1 2.2", None, "C1 3.3"])
    parts.channel.answer = lambda _: Delivered(200, next(threads))
    told(parts).deliver()
    for number, risen in enumerate(("HIGH", "CRITICAL"), start=2):
        parts.take(detected(sequence=number, severity=risen))
        parts.pass_time(300)
        parts.deliver()
    parts.take(cleared(sequence=4))
    parts.pass_time(300)
    parts.deliver()
    parts.take(detected(episode_id="episode-2", since=20 * 86_400 * SECOND))
    parts.pass_time(300)
    parts.deliver()
    # None: the thread stands; another name: the channel had to begin a new one; after the end the next episode begins afresh.
    assert [message.thread for message in parts.channel.sent] == [None, "C1 1.1", "C1 1.1", "C1 2.2", None]


def test_a_failed_try_begins_no_thread(parts) -> None:
    answers = iter([TryAgain("answered 503", 503), Delivered(200, "C1 1.1")])
    parts.channel.answer = lambda _: next(answers)
    told(parts).deliver()
    parts.pass_time(1)
    parts.deliver()
    assert [message.thread for message in parts.channel.sent] == [None, None]


def test_the_log_says_once_that_a_channel_fails_and_once_that_it_works_again(parts) -> None:
    answers = iter([TryAgain("answered 503", 503), TryAgain("answered 502", 502), Delivered(200), Delivered(200)])
    parts.channel.answer = lambda _: next(answers)
    told(parts)
    sender = parts.sender()
    with capture_logs() as said:
        for seconds in (0, 1, 2, 0):
            parts.pass_time(seconds)
            deliver(sender)
        parts.take(detected(model_id="other", episode_id="b"))
        parts.pass_time(30)
        deliver(sender)
    sender.close()
    named = {"channel": "webhook", "host": "hooks.example.org"}
    assert said == [
        {"event": "a channel does not take notifications", **named, "reason": "answered 503", "log_level": "warning"},
        {"event": "a channel takes notifications again", **named, "log_level": "info"},
    ]


def test_the_log_says_of_each_notification_that_it_is_given_up(parts) -> None:
    parts.channel.answer = lambda _: Refused("answered 404", 404)
    with capture_logs() as said:
        told(parts).deliver()
    (row,) = parts.notifications()
    (lost,) = [line for line in said if line["log_level"] == "error"]
    assert (lost["channel"], lost["notification"], lost["reason"]) == ("webhook", row.notification_id, "answered 404")
    assert lost["alerts"] == list(of_kind(parts, NotificationFailed)[0].alert_ids)
    assert (lost["alert_count"], lost["tries"]) == (1, 1)
