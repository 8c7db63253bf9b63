"""Silenced, inhibited and muted: single looks, and random lives of a group with the beliefs of who hears of it."""

import random
from dataclasses import replace

import pytest

from driftline.alerting.alert import Status
from driftline.alerting.decisions import WITHHELD, Notify, NotifyReason, Suppress, SuppressReason, Wait
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group, Member
from driftline.alerting.notification import compose
from driftline.alerting.pipeline import Look, Told, decide, look_again, subject, told_after, withheld_after
from driftline.alerting.routing import ChannelSpec
from tests.unit.alerting.builders import DAY, alert

TICK = 300_000_000
REPEAT = 12 * TICK
CHANNEL = ChannelSpec(kind="webhook", name="webhook")
A, B = alert("a"), alert("b")
SILENCED, INHIBITED, MUTED = SuppressReason.SILENCED, SuppressReason.INHIBITED, SuppressReason.MUTED


def ended(item):
    return replace(item, ends_at=14 * DAY)


def look(*members, **changes):
    values = {"now": 0, "told": None, "repeat_interval": REPEAT, "channel": CHANNEL, "configured": True}
    return Look(**{**values, "members": members, **changes})


def test_what_is_held_is_recorded_once_with_its_reason_and_waited_for() -> None:
    for reason in (SILENCED, INHIBITED):
        seen = look(Member(A, held=reason), now=7)
        decision = decide(seen)
        assert decision == Suppress(reason, NotifyReason.FIRST)
        again = replace(seen, withheld=withheld_after(seen, decision))
        assert again.withheld == {A.alert_id}
        assert decide(again) == Wait(None)
        assert look_again(again, again.told, again.withheld) == 8


def test_beside_something_told_only_what_is_not_held_is_shown() -> None:
    seen = look(Member(A, held=SILENCED), Member(B))
    decision = decide(seen)
    assert decision == Notify(NotifyReason.FIRST)
    assert [member.alert for member in subject(seen, decision)] == [B]
    assert told_after(seen, decision, "msg").firing == {B.alert_id}
    group = Group(key="k", route_key="{}", receiver="r", labels={}, interval=TICK, next_look_at=None)
    assert compose(group, seen, decision, Links()).alert_ids == (B.alert_id,)


def test_muted_is_said_once_for_each_alert() -> None:
    seen = look(Member(A), muted=True)
    decision = decide(seen)
    assert decision == Suppress(MUTED, NotifyReason.FIRST)
    again = replace(seen, withheld=withheld_after(seen, decision))
    assert decide(again) == Wait(None)
    assert look_again(again, again.told, again.withheld) == 1
    assert decide(replace(again, members=(Member(A), Member(B)))) == Suppress(MUTED, NotifyReason.FIRST)
    assert decide(replace(again, muted=False)) == Notify(NotifyReason.FIRST)


def test_a_told_alert_that_is_held_is_not_raised_nor_repeated_but_its_end_is_told() -> None:
    told = told_after(look(Member(A)), Notify(NotifyReason.FIRST), "msg")
    held = look(Member(A, held=SILENCED), told=told, now=REPEAT)
    assert decide(held) == Wait(None)
    assert look_again(held, held.told, held.withheld) == REPEAT + 1
    assert decide(replace(held, members=(Member(ended(A), held=SILENCED),))) == Notify(NotifyReason.ALL_RESOLVED)


class Life:
    """A group's members and times at random, and what its channel believes by what it was sent."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.members = {item.alert_id: Member(ended(item)) for item in (A, B, alert("c"))}
        self.told: Told | None = None
        self.withheld = frozenset[str]()
        self.believed = frozenset[str]()
        self.muted = False
        self.now = 0

    def change(self) -> None:
        key = self.rng.choice(sorted(self.members))
        member = self.members[key]
        match self.rng.randrange(4):
            case 0:
                self.members[key] = replace(member, alert=replace(member.alert, ends_at=None))
            case 1:
                self.members[key] = replace(member, alert=ended(member.alert))
            case 2:
                self.members[key] = replace(member, held=self.rng.choice((None, SILENCED, INHIBITED)))
            case 3:
                self.muted = self.rng.random() < 0.5

    def tick(self) -> None:
        self.now += TICK
        seen = look(*self.members.values(), now=self.now, told=self.told, muted=self.muted, withheld=self.withheld)
        decision = decide(seen)
        self.withheld = withheld_after(seen, decision)
        if isinstance(decision, Wait) or (isinstance(decision, Suppress) and decision.reason in WITHHELD):
            return
        if isinstance(decision, Notify):
            self.hear(seen, decision)
        self.told = told_after(seen, decision, str(self.now))

    def hear(self, seen: Look, decision: Notify) -> None:
        assert not self.muted
        shown = subject(seen, decision)
        assert shown
        for member in shown:
            firing = member.alert.status is Status.FIRING
            assert not (firing and member.held)
            change = {member.alert.alert_id}
            self.believed = self.believed | change if firing else self.believed - change

    def firing(self) -> set[str]:
        return {key for key, member in self.members.items() if member.alert.status is Status.FIRING}


@pytest.mark.parametrize("seed", range(8))
def test_whoever_was_told_hears_of_the_end_and_nobody_hears_of_what_is_held(seed) -> None:
    life = Life(seed)
    heard = 0
    for _ in range(400):
        for _ in range(life.rng.randrange(3)):
            life.change()
        life.tick()
        heard += bool(life.believed)
        if not life.muted:
            free = {key for key in life.firing() if not life.members[key].held}
            assert free <= life.believed <= life.firing()
    assert heard > 50
    life.muted = False
    life.members = {key: replace(member, alert=ended(member.alert)) for key, member in life.members.items()}
    life.tick()
    assert life.believed == frozenset()
