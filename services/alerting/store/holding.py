"""Which alerts of a look are held back: silences from SQL, inhibition by what fires now, changes of models, crowds, and flapping."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from driftline.alerting.alert import Alert, Status
from driftline.alerting.decisions import SuppressReason
from driftline.alerting.grouping import Group, Member
from driftline.alerting.inhibition import Inhibitors, InhibitRule
from driftline.alerting.matchers import all_match
from driftline.alerting.noise import ModelChange, may_flap, window_of
from driftline.alerting.routing import Route, Routing
from driftline.alerting.silences import Silence, silencing
from services.alerting.store import alerts, noise, silences

Members = Mapping[str, tuple[Member, ...]]
"""By group."""


@dataclass(frozen=True, slots=True)
class _Present:
    """What holds alerts back now, as SQL has it."""

    now: int
    silences: tuple[Silence, ...]
    changes: Sequence[ModelChange]
    flapping: Mapping[str, int]
    inhibitors: Inhibitors

    def reason(self, alert: Alert) -> SuppressReason | None:
        """Why an alert is held back; None where it is not."""
        labels = alert.routing_labels
        if self.inhibitors.of(labels) is not None:
            return SuppressReason.INHIBITED
        if silencing(self.silences, labels, self.now):
            return SuppressReason.SILENCED
        if any(change.explains(alert, self.now) for change in self.changes):
            return SuppressReason.MODEL_CHANGED
        return SuppressReason.FLAPPING if alert.alert_id in self.flapping and may_flap(alert) else None


class Holding:
    """Marks the members of groups; remembers who inhibits, and reads only what changed since."""

    def __init__(self) -> None:
        self._rules: tuple[InhibitRule, ...] | None = None
        self._seen = 0
        """The last change that `_inhibitors` knows of."""
        self._inhibitors = Inhibitors(())

    def mark(self, tx: Connection, routing: Routing, due: Iterable[Group], members: Members, now: int) -> Members:
        """The same members by group, with why they are held; `due` are the groups."""
        firing = [one.alert for some in members.values() for one in some if one.alert.status is Status.FIRING]
        present = _Present(
            now=now,
            silences=silences.active(tx, now),
            changes=noise.changed(tx, now),
            flapping=noise.flapping(tx, now),
            inhibitors=self._inhibiting(tx, routing.inhibit_rules, firing),
        )
        speakers = _speakers(tx, routing, firing, present)
        marked: dict[str, tuple[Member, ...]] = {}
        for group in due:
            marked[group.key] = tuple(_marked(one, group, routing, present, speakers) for one in members[group.key])
        return marked

    def _inhibiting(self, tx: Connection, rules: tuple[InhibitRule, ...], firing: Iterable[Alert]) -> Inhibitors:
        """Who inhibits. What fires is read only where a rule is about any of these."""
        labels = [alert.routing_labels for alert in firing] if rules else []
        if not any(all_match(rule.target, one) for rule in rules for one in labels):
            return _NOBODY
        if rules != self._rules:
            self._inhibitors, self._rules = Inhibitors(rules), rules
            changed = alerts.firing(tx)
        else:
            changed = alerts.changed_since(tx, self._seen)
        for alert in changed:
            self._inhibitors.note(alert.alert_id, alert.routing_labels if alert.status is Status.FIRING else None)
        self._seen = alerts.last_change(tx)
        return self._inhibitors


_NOBODY = Inhibitors(())

_Speakers = Mapping[tuple[str, str, int] | None, Mapping[tuple[frozenset[str], int], int]]
"""By window what is told of it: how many alerts there are of which the same channels, by their names, hear as equally urgent."""


def _speakers(tx: Connection, routing: Routing, firing: Iterable[Alert], present: _Present) -> _Speakers:
    """What is told of the windows of these alerts."""
    if not routing.noise.most_urgent_speaks:
        return {}
    models = {window[0] for window in map(window_of, firing) if window is not None}
    found: dict[tuple[str, str, int] | None, Counter[tuple[frozenset[str], int]]] = {}
    for alert in alerts.firing_of(tx, models) if models else ():
        window = window_of(alert)
        if window is None or present.reason(alert) is not None:
            continue
        found.setdefault(window, Counter())[_hearing(routing, alert, present.now), alert.priority.rank] += 1
    return found


def _hearing(routing: Routing, alert: Alert, now: int) -> frozenset[str]:
    """The channels that hear of an alert at once."""
    routes = (route for route in routing.root.match(alert.routing_labels) if not _late(routing, route, now))
    return frozenset(name for route in routes for name in _channels(routing, route.receiver))


def _late(routing: Routing, route: Route, now: int) -> bool:
    """Whether a route tells of nothing now."""
    return route.digest or routing.muted(route, now)


def _channels(routing: Routing, receiver: str) -> frozenset[str]:
    known = routing.receivers.get(receiver)
    return frozenset() if known is None else frozenset(channel.name for channel in known.channels)


def _marked(member: Member, group: Group, routing: Routing, present: _Present, speakers: _Speakers) -> Member:
    if member.alert.status is not Status.FIRING:
        return member
    reason = _held(member.alert, group, routing, present, speakers)
    others = 0 if reason is not None else _spoken_for(member.alert, routing, present.now, speakers)
    return replace(member, held=reason, speaks_for=others) if reason is not None or others else member


def _spoken_for(alert: Alert, routing: Routing, now: int, speakers: _Speakers) -> int:
    """How many alerts this one, which is told, speaks for."""
    window = speakers.get(window_of(alert), {})
    if sum(window.values()) < 2:
        return 0
    told = _hearing(routing, alert, now)
    return sum(count for (names, rank), count in window.items() if names and names <= told and rank < alert.priority.rank)


def _held(alert: Alert, group: Group, routing: Routing, present: _Present, speakers: _Speakers) -> SuppressReason | None:
    reason = present.reason(alert)
    urgent = {} if reason is not None else speakers.get(window_of(alert), {})
    if any(alert.priority.rank < rank and _channels(routing, group.receiver) <= told for told, rank in urgent):
        route = routing.route(group.route_key)
        return None if route is not None and route.digest else SuppressReason.SPOKEN_FOR
    return reason
