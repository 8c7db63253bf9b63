"""Looks at the groups that are due and writes what each of their channels shall be told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from driftline.alerting.decisions import WITHHELD, Notify, Suppress, SuppressReason, Wait
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group, next_tick
from driftline.alerting.notification import Notification, compose
from driftline.alerting.pipeline import NOTHING_TOLD, Look, Told, decide, ids, look_again, told_after, withheld_after
from driftline.alerting.routing import Receiver
from driftline.alerting.trend import with_trend
from driftline.clock import Clock
from driftline.events import NotificationSuppressed
from services.alerting.adapters.channels.port import shows_care
from services.alerting.adapters.plan import PlanInForce
from services.alerting.metrics import DECISIONS, GROUP_LATENESS_SECONDS
from services.alerting.store import groups, outbox, withheld
from services.alerting.store.database import Database
from services.alerting.store.holding import Holding
from services.alerting.store.response.trends import Trends

_GROUPS_AT_ONCE = 250
"""Groups in one transaction; the intake waits for it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What decides where a group's notifications go."""

    in_force: PlanInForce
    links: Links
    on_decided: Callable[[], None]
    """Wakes the senders."""


class Dispatcher:
    """Decides, in the transaction that notes the look, and never sends."""

    def __init__(self, database: Database, outlook: Outlook, clock: Clock) -> None:
        self._database = database
        self._outlook = outlook
        self._clock = clock
        self._holding = Holding()

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Look at every group that is due."""
        while True:
            now = self._clock.now_us()
            with self._database.write() as tx:
                due = groups.due(tx, now, _GROUPS_AT_ONCE)
                if due:
                    _Round(tx, self._outlook, self._holding, due, now).run()
                following = groups.next_due(tx)
            if due:
                GROUP_LATENESS_SECONDS.set((now - (due[0].next_look_at or now)) / 1_000_000)
                self._outlook.on_decided()
            if len(due) < _GROUPS_AT_ONCE:
                return following

    def close(self) -> None:
        """Nothing is left under way between two runs."""


class _Round:
    """The looks of one transaction: read for all groups at once, decided one by one, written at once."""

    def __init__(self, tx: Connection, outlook: Outlook, holding: Holding, due: Sequence[Group], now: int) -> None:
        self._tx = tx
        self._links = outlook.links
        # One round is decided by one plan, even where another comes into force meanwhile.
        self._plan = outlook.in_force.plan
        self._due = due
        self._now = now
        keys = [group.key for group in due]
        self._members = holding.mark(tx, self._plan.routing, due, groups.members_of(tx, keys), now)
        self._withheld = withheld.of(tx, keys)
        self._withheld_now: dict[tuple[str, str], frozenset[str]] = {}
        self._known = groups.told_of(tx, keys)
        self._last_ids = outbox.last_ids(tx, keys)
        self._trends = Trends(tx, {one.alert.model_id for some in self._members.values() for one in some})
        self._told: dict[tuple[str, str], groups.Knowledge] = {}
        self._batch = outbox.Batch(now)

    def run(self) -> None:
        """Look at each group, then write what came of it."""
        looked, over = [], []
        for group in self._due:
            receiver = self._plan.routing.receivers.get(group.receiver)
            if receiver is None:  # the configuration dropped it; its alerts are in other groups by now
                groups.remove(self._tx, group.key)
                continue
            looked.append(self._look(group, receiver))
            if any(member.leaving or member.alert.ends_at is not None for member in self._members[group.key]):
                over.append((group.key, [channel.name for channel in receiver.channels]))
        groups.save_told(self._tx, self._told, self._known)
        withheld.save(self._tx, self._withheld_now)
        groups.note_looks(self._tx, looked)
        self._batch.write(self._tx)
        for key, channels in over:
            groups.forget_settled(self._tx, key, channels)

    def _look(self, group: Group, receiver: Receiver) -> Group:
        routing = self._plan.routing
        route = routing.route(group.route_key) or routing.root
        timers = route.timers
        tick = _tick(group, self._now)
        repeats = []
        for channel in receiver.channels:
            known = self._known.get((group.key, channel.name))
            look = Look(
                now=tick,
                members=self._members[group.key],
                told=None if known is None else known.decided,
                repeat_interval=timers.repeat_interval,
                channel=channel,
                configured=channel.name in self._plan.channels,
                previous_id=self._last_ids.get((group.key, channel.name), ""),
                shows_care=shows_care(self._plan.channels.get(channel.name)),
                digest=route.digest,
                muted=routing.muted(route, tick),
                withheld=self._withheld.get((group.key, channel.name), frozenset()),
            )
            repeats.append(self._decide(group, look, NOTHING_TOLD if known is None else known.delivered))
        due = min((at for at in repeats if at is not None), default=None)
        following = None if due is None else next_tick(tick, timers.group_interval, due)
        return replace(group, interval=timers.group_interval, last_look_at=tick, next_look_at=following)

    def _decide(self, group: Group, look: Look, delivered: Told) -> int | None:
        """Note what one channel shall be told; returns when there may be something to tell though nothing changes."""
        decision = decide(look)
        place = (group.key, look.channel.name)
        if (withheld_now := withheld_after(look, decision)) != look.withheld:
            self._withheld_now[place] = withheld_now
        if isinstance(decision, Wait):
            return look_again(look, look.told, withheld_now)
        if isinstance(decision, Suppress) and decision.reason in WITHHELD:
            self._suppress(compose(group, look, decision, self._links), look.told or NOTHING_TOLD, decision)
            return look_again(look, look.told, withheld_now)
        message = compose(group, look, decision, self._links)
        told = told_after(look, decision, message.notification_id)
        if isinstance(decision, Notify):
            DECISIONS.labels(message.reason, "").inc()
            trend = self._trends.of_alert(message.body["alert_data"]["labels"])
            message = with_trend(message, trend, self._links.pictures)
            self._batch.notify(message, told, state=outbox.PENDING)
        else:
            self._suppress(message, told, decision)
            delivered = _known_after(decision, look, told, delivered)
        self._told[place] = groups.Knowledge(told, delivered)
        return look_again(look, told, withheld_now)

    def _suppress(self, message: Notification, told: Told, decision: Suppress) -> None:
        """Record what is not sent."""
        DECISIONS.labels(message.reason, decision.reason.value).inc()
        self._batch.notify(message, told, state=outbox.SUPPRESSED, error=decision.reason.value)
        self._batch.tell(_suppressed(message, decision.reason, self._now), message.notification_id)


def _tick(group: Group, now: int) -> int:
    """The tick that a look belongs to: the one it was due at, or now where that was slept through."""
    due = group.next_look_at
    return now if due is None or now - due > group.interval else due


def _known_after(decision: Suppress, look: Look, told: Told, delivered: Told) -> Told:
    """What the channel really knows after a suppression: all of it counts, but an untold end changes nothing else."""
    if decision.reason is SuppressReason.RESOLVED_BEFORE_TOLD:
        return replace(delivered, resolved=delivered.resolved | ids(look.ended))
    return told


def _suppressed(message: Notification, reason: SuppressReason, now: int) -> NotificationSuppressed:
    return NotificationSuppressed(
        notification_id=message.notification_id,
        group_key=message.group_key,
        channel=message.kind,
        status=message.status.value,
        alert_ids=message.alert_ids,
        reason=reason.value,
        suppressed_at=now,
    )
