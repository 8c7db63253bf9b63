"""The look at a group for one channel, as a list of stages that can be read top to bottom.

Each stage takes the look and the decision so far and returns a decision; the first one makes it, the others may only overrule a
`Notify`. What was told last is noted when the decision is stored, so repeats are measured from tick to tick; a notification that
finally fails restores what had been told before it. What is silenced, inhibited or muted counts as not told: the group is looked
at on every tick until that has passed. An end is told in spite of silences and inhibition, so that nobody believes in what is over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from driftline.alerting.alert import Priority, Status
from driftline.alerting.decisions import HELD, WITHHELD, Decision, Notify, NotifyReason, Suppress, SuppressReason, Wait
from driftline.alerting.grouping import Member
from driftline.alerting.routing import ChannelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a channel was last told of a group."""

    firing: frozenset[str]
    """Ids of the alerts that it believes to be firing."""
    resolved: frozenset[str]
    """Ids of the ended alerts that it need not hear of again."""
    priority: Priority
    """The most urgent of those firing."""
    at: int
    """The tick, microseconds."""
    notification_id: str
    acknowledged: frozenset[str] = frozenset()
    """Those of which somebody took care."""
    sent: bool = True
    """False where the channel had no address, so nothing went out."""


NOTHING_TOLD = Told(firing=frozenset(), resolved=frozenset(), priority=Priority.LOW, at=0, notification_id="")


@dataclass(frozen=True, kw_only=True)
class Look:
    """One channel's view of a group at a tick. The stages ask it the same questions: what was found once is kept, hence no slots."""

    now: int
    members: tuple[Member, ...]
    told: Told | None
    repeat_interval: int
    channel: ChannelSpec
    configured: bool
    """Whether the channel has an address to send to."""
    previous_id: str = ""
    """Id of the last notification of this group and channel; empty for the first."""
    shows_care: bool = False
    """Whether the channel shows that somebody takes care."""
    digest: bool = False
    """Whether the route tells of all that happened since the last tick at once, and of nothing in between."""
    muted: bool = False
    """Whether the time is one in which the route tells nothing."""
    withheld: frozenset[str] = frozenset()
    """Alerts of which it was recorded that they are held back, and why they still may be."""

    @cached_property
    def heard(self) -> frozenset[str]:
        """Alerts that the channel believes to be firing; none where it has an address only since."""
        if self.told is None or (self.configured and not self.told.sent):
            return frozenset()
        return self.told.firing

    @cached_property
    def firing(self) -> tuple[Member, ...]:
        """Members that fire here; one that is leaving or held counts only where it has been told."""
        return tuple(
            member
            for member in self.members
            if member.alert.status is Status.FIRING
            and (not (member.leaving or member.held) or member.alert.alert_id in self.heard)
        )

    @cached_property
    def staying(self) -> tuple[Member, ...]:
        """Members that fire and may be told of again."""
        return tuple(member for member in self.firing if not (member.leaving or member.held))

    @cached_property
    def acknowledged(self) -> frozenset[str]:
        """Of those that fire the ones that somebody takes care of."""
        return ids(member for member in self.firing if member.alert.acknowledged is not None)

    @cached_property
    def held(self) -> tuple[Member, ...]:
        """Members that fire, untold because they are silenced or inhibited."""
        return tuple(
            member
            for member in self.members
            if member.held
            and not member.leaving
            and member.alert.status is Status.FIRING
            and member.alert.alert_id not in self.heard
        )

    @cached_property
    def ended(self) -> tuple[Member, ...]:
        """Members that ended since the channel was told."""
        known = frozenset() if self.told is None else self.told.resolved
        return tuple(
            member for member in self.members if member.alert.status is Status.RESOLVED and member.alert.alert_id not in known
        )


def top_priority(members: tuple[Member, ...]) -> Priority:
    """The most urgent of some members; low where there are none."""
    return max((member.alert.priority for member in members), key=lambda priority: priority.rank, default=Priority.LOW)


def ids(members: Iterable[Member]) -> frozenset[str]:
    """Alert ids of some members."""
    return frozenset(member.alert.alert_id for member in members)


Stage = Callable[[Look, Decision], Decision]


def needs_update(look: Look, _: Decision) -> Decision:
    """Whether there is something to tell, by what was told last."""
    firing = ids(look.firing)
    ended = ids(look.ended)
    if look.digest and (firing - look.heard or ended - look.withheld):
        return Notify(NotifyReason.DIGEST)
    if firing - look.heard:
        return Notify(NotifyReason.NEW_ALERTS if look.heard else NotifyReason.FIRST)
    if look.told is not None and look.staying and top_priority(look.staying).rank > look.told.priority.rank:
        return Notify(NotifyReason.RAISED)
    if ended & look.heard:
        return Notify(NotifyReason.SOME_RESOLVED if firing else NotifyReason.ALL_RESOLVED)
    due = repeat_due(look, look.told)
    if due is not None and due <= look.now:
        return Notify(NotifyReason.REPEAT)
    return Suppress(SuppressReason.RESOLVED_BEFORE_TOLD) if ended else Wait(due)


def care_changed(look: Look, decision: Decision) -> Decision:
    """Where there is nothing else to tell, a channel that shows who takes care is told of that."""
    if not isinstance(decision, Wait) or not look.shows_care or look.told is None:
        return decision
    shown = look.told.acknowledged & ids(look.firing)
    if look.acknowledged == shown:
        return decision
    return Notify(NotifyReason.ACKNOWLEDGED if look.acknowledged - shown else NotifyReason.UNACKNOWLEDGED)


def held_back(look: Look, decision: Decision) -> Decision:
    """Where there is nothing to tell but what is silenced or inhibited, that is said once."""
    new = [member for member in look.held if member.alert.alert_id not in look.withheld]
    if not isinstance(decision, Wait) or not new or new[0].held is None:
        return decision
    return Suppress(new[0].held, NotifyReason.NEW_ALERTS if look.heard else NotifyReason.FIRST)


def repeat_due(look: Look, told: Told | None) -> int | None:
    """When what still fires is told again though nothing changed; None where none of it stays, was told, or is on nobody's mind."""
    waiting = any(member.alert.acknowledged is None for member in look.staying)
    return told.at + look.repeat_interval if told is not None and waiting else None


def resolved_wanted(look: Look, decision: Decision) -> Decision:
    """A channel with `send_resolved: false` hears of no ends."""
    match decision:
        case Notify(NotifyReason.ALL_RESOLVED | NotifyReason.SOME_RESOLVED as reason) if not look.channel.send_resolved:
            return Suppress(SuppressReason.RESOLVED_NOT_WANTED, reason)
    return decision


def not_muted(look: Look, decision: Decision) -> Decision:
    """While the route is muted nothing is told, ends included; that is said once for each alert."""
    if not look.muted or not isinstance(decision, Notify):
        return decision
    if ids(subject(look, decision)) <= look.withheld:
        return Wait(repeat_due(look, look.told))
    return Suppress(SuppressReason.MUTED, decision.reason)


def channel_configured(look: Look, decision: Decision) -> Decision:
    """What has no address is not sent, and said so."""
    if isinstance(decision, Notify) and not look.configured:
        return Suppress(SuppressReason.NOT_CONFIGURED, decision.reason)
    return decision


PIPELINE: tuple[Stage, ...] = (
    needs_update,
    care_changed,
    held_back,
    resolved_wanted,
    not_muted,
    channel_configured,
)


def decide(look: Look) -> Decision:
    """The decision about a group for one channel at one tick."""
    decision: Decision = Wait(None)
    for stage in PIPELINE:
        decision = stage(look, decision)
    return decision


def subject(look: Look, decision: Notify | Suppress) -> tuple[Member, ...]:
    """The members that a decision is about; of those that fire only they are shown that are not held."""
    match decision:
        case Suppress(reason) if reason in HELD:
            return tuple(member for member in look.held if member.held is reason)
        case Suppress(SuppressReason.RESOLVED_BEFORE_TOLD):
            return look.ended
    return tuple(member for member in look.firing if not member.held) + look.ended


def withheld_after(look: Look, decision: Decision) -> frozenset[str]:
    """The alerts of which it is recorded that they are held back, once this decision is stored."""
    still = look.withheld & ids(member for member in look.members if look.muted or member.held)
    if isinstance(decision, Suppress) and decision.reason in WITHHELD:
        return still | ids(subject(look, decision))
    return still


def look_again(look: Look, told: Told | None, withheld: frozenset[str]) -> int | None:
    """When there may be something to tell though no alert changes, by what is noted now as told and as withheld; None for never."""
    if any(member.held for member in look.members) or (look.muted and withheld):
        return look.now + 1
    return repeat_due(look, told)


def told_after(look: Look, decision: Notify | Suppress, notification_id: str) -> Told:
    """What the channel counts as having been told once this decision is stored."""
    resolved = tuple(member for member in look.members if member.alert.status is Status.RESOLVED)
    if look.told is not None and decision == Suppress(SuppressReason.RESOLVED_BEFORE_TOLD):
        # What else was told stands: it may still be on its way, and its repeat is not put off.
        return replace(look.told, resolved=look.told.resolved | ids(resolved))
    return Told(
        firing=ids(look.firing),
        resolved=ids(resolved),
        priority=top_priority(look.firing),
        acknowledged=look.acknowledged,
        at=look.now,
        notification_id=notification_id,
        sent=look.configured,
    )


def settled(member: Member, beliefs: Iterable[Told]) -> bool:
    """Whether a group can forget a member, given what each of its channels really has been told.

    A firing member stays. One that is leaving stays where a channel still believes in it; an ended one
    until every channel need not hear of it again.
    """
    alert_id = member.alert.alert_id
    if member.alert.status is Status.RESOLVED:
        return all(alert_id in told.resolved and alert_id not in told.firing for told in beliefs)
    return member.leaving and not any(alert_id in told.firing for told in beliefs)
