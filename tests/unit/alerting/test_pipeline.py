from dataclasses import replace

import pytest

from driftline.alerting.alert import Priority
from driftline.alerting.decisions import Notify, NotifyReason, Suppress, SuppressReason, Wait
from driftline.alerting.grouping import Member
from driftline.alerting.pipeline import Look, decide, settled, told_after
from driftline.alerting.routing import ChannelSpec
from tests.unit.alerting.builders import DAY, alert

REPEAT = 4 * 3_600_000_000
CHANNEL = ChannelSpec(kind="webhook", name="webhook")
A, B = alert("a"), alert("b")


def ended(item):
    return replace(item, ends_at=14 * DAY)


def look(*alerts, told=None, now=0, configured=True, channel=CHANNEL, leaving=()):
    members = tuple(Member(item, leaving=item.alert_id in leaving) for item in alerts)
    return Look(now=now, members=members, told=told, repeat_interval=REPEAT, channel=channel, configured=configured)


def after(seen, name="msg_1"):
    decision = decide(seen)
    assert not isinstance(decision, Wait)
    return told_after(seen, decision, name)


def test_a_first_alert_is_told() -> None:
    assert decide(look(A)) == Notify(NotifyReason.FIRST)


def test_what_was_told_waits_for_its_repeat() -> None:
    told = after(look(A, now=5))
    assert decide(look(A, told=told, now=6)) == Wait(5 + REPEAT)


def test_a_repeat_is_due_exactly_after_the_interval() -> None:
    told = after(look(A))
    assert decide(look(A, told=told, now=REPEAT - 1)) == Wait(REPEAT)
    assert decide(look(A, told=told, now=REPEAT)) == Notify(NotifyReason.REPEAT)


def test_another_alert_is_told_at_once() -> None:
    assert decide(look(A, B, told=after(look(A)))) == Notify(NotifyReason.NEW_ALERTS)


def test_a_lower_or_equal_priority_is_no_news_but_a_higher_one_is() -> None:
    told = after(look(A))
    assert isinstance(decide(look(replace(A, priority=Priority.LOW), told=told)), Wait)
    assert decide(look(replace(A, priority=Priority.HIGH), told=told)) == Notify(NotifyReason.RAISED)


def test_ends_are_told_once() -> None:
    told = after(look(A, B))
    some = look(ended(A), B, told=told)
    assert decide(some) == Notify(NotifyReason.SOME_RESOLVED)
    told = after(some)
    assert isinstance(decide(look(ended(A), B, told=told)), Wait)
    everything = look(ended(A), ended(B), told=told)
    assert decide(everything) == Notify(NotifyReason.ALL_RESOLVED)
    assert decide(look(ended(A), ended(B), told=after(everything))) == Wait(None)


def test_what_ended_before_it_was_told_is_said_to_be_suppressed_once() -> None:
    seen = look(ended(A))
    assert decide(seen) == Suppress(SuppressReason.RESOLVED_BEFORE_TOLD)
    assert decide(look(ended(A), told=after(seen))) == Wait(None)


def test_an_untold_end_beside_a_firing_alert_does_not_put_off_its_repeat() -> None:
    told = after(look(A, now=5))
    seen = look(A, ended(B), told=told, now=50)
    assert decide(seen) == Suppress(SuppressReason.RESOLVED_BEFORE_TOLD)
    assert after(seen).at == 5


def test_firing_again_within_an_interval_is_no_news() -> None:
    told = after(look(A))
    again = replace(A, starts_at=20 * DAY, episode_id="episode-2")
    assert isinstance(decide(look(again, told=told)), Wait)


def test_firing_again_after_the_end_was_told_is_news() -> None:
    told = after(look(ended(A), told=after(look(A))))
    assert decide(look(A, told=told)) == Notify(NotifyReason.FIRST)


def test_a_channel_without_address_suppresses_with_the_reason_and_not_every_tick() -> None:
    seen = look(A, configured=False)
    assert decide(seen) == Suppress(SuppressReason.NOT_CONFIGURED, NotifyReason.FIRST)
    assert isinstance(decide(look(A, told=after(seen), configured=False)), Wait)


def test_a_channel_that_got_its_address_later_is_told_at_once() -> None:
    told = after(look(A, configured=False))
    assert decide(look(A, told=told)) == Notify(NotifyReason.FIRST)


def test_ends_are_not_sent_where_they_are_not_wanted() -> None:
    quiet = replace(CHANNEL, send_resolved=False)
    seen = look(ended(A), told=after(look(A, channel=quiet)), channel=quiet)
    assert decide(seen) == Suppress(SuppressReason.RESOLVED_NOT_WANTED, NotifyReason.ALL_RESOLVED)
    assert decide(look(ended(A), told=after(seen), channel=quiet)) == Wait(None)


def test_a_leaving_alert_is_not_repeated_but_its_end_is_told() -> None:
    told = after(look(A))
    leaving = {A.alert_id}
    assert decide(look(A, told=told, leaving=leaving, now=REPEAT)) == Wait(None)
    assert decide(look(ended(A), told=told, leaving=leaving)) == Notify(NotifyReason.ALL_RESOLVED)
    assert decide(look(A, leaving=leaving)) == Wait(None)
    assert decide(look(replace(A, priority=Priority.CRITICAL), told=told, leaving=leaving)) == Wait(None)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_group_forgets_an_end_only_when_every_channel_was_told(leaving) -> None:
    told = after(look(A))
    done = after(look(ended(A), told=told))
    member = Member(ended(A), leaving=leaving)
    assert not settled(member, [told, done])
    assert settled(member, [done, done])


def test_a_group_keeps_what_fires_and_forgets_what_left_untold() -> None:
    told = after(look(A))
    assert not settled(Member(A), [])
    assert settled(Member(A, leaving=True), [])
    assert not settled(Member(A, leaving=True), [told])
