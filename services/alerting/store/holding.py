"""Which alerts of a look are held back: silences from SQL, inhibition by what fires now, changes of models, and flapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from driftline.alerting.alert import Alert, Status
from driftline.alerting.decisions import SuppressReason
from driftline.alerting.grouping import Member
from driftline.alerting.inhibition import Inhibitors, InhibitRule
from driftline.alerting.matchers import all_match
from driftline.alerting.noise import ModelChange, may_flap
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

    def mark(self, tx: Connection, rules: tuple[InhibitRule, ...], members: Members, now: int) -> Members:
        """The same members by group, with why they are held."""
        present = _Present(
            now=now,
            silences=silences.active(tx, now),
            changes=noise.changed(tx, now),
            flapping=noise.flapping(tx, now),
            inhibitors=self._inhibiting(tx, rules, members),
        )
        return {key: tuple(_marked(member, present) for member in some) for key, some in members.items()}

    def _inhibiting(self, tx: Connection, rules: tuple[InhibitRule, ...], members: Members) -> Inhibitors:
        """Who inhibits. What fires is read only where a rule is about any of the members."""
        labels = [one.alert.routing_labels for some in members.values() for one in some if one.alert.status is Status.FIRING]
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


def _marked(member: Member, present: _Present) -> Member:
    if member.alert.status is not Status.FIRING:
        return member
    reason = present.reason(member.alert)
    return member if reason is None else replace(member, held=reason)
