"""Which alerts of a look are held back: silences from SQL, inhibition by what fires now."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from driftline.alerting.alert import Status
from driftline.alerting.decisions import SuppressReason
from driftline.alerting.grouping import Member
from driftline.alerting.inhibition import Inhibitors, InhibitRule
from driftline.alerting.silences import Silence, silencing
from services.alerting.store import alerts, silences


class Holding:
    """Marks the members of groups; remembers who inhibits until an alert changes."""

    def __init__(self) -> None:
        self._rules: tuple[InhibitRule, ...] = ()
        self._version: tuple[int, int] | None = None
        self._inhibitors = Inhibitors((), ())

    def mark(
        self, tx: Connection, rules: tuple[InhibitRule, ...], members: Mapping[str, tuple[Member, ...]], now: int
    ) -> Mapping[str, tuple[Member, ...]]:
        """The same members by group, with why they are held."""
        holding = silences.active(tx, now)
        if not holding and not rules:
            return members
        self._refresh(tx, rules)
        return {key: tuple(self._marked(member, holding, now) for member in present) for key, present in members.items()}

    def _refresh(self, tx: Connection, rules: tuple[InhibitRule, ...]) -> None:
        version = alerts.firing_version(tx) if rules else None
        if version == self._version and rules == self._rules:
            return
        firing = ((alert.alert_id, alert.routing_labels) for alert in (alerts.firing(tx) if rules else ()))
        self._inhibitors = Inhibitors(rules, firing)
        self._version, self._rules = version, rules

    def _marked(self, member: Member, holding: tuple[Silence, ...], now: int) -> Member:
        if member.alert.status is not Status.FIRING:
            return member
        labels = member.alert.routing_labels
        if self._inhibitors.of(labels) is not None:
            return replace(member, held=SuppressReason.INHIBITED)
        return replace(member, held=SuppressReason.SILENCED) if silencing(holding, labels, now) else member
