"""Inhibition: an alert that fires keeps others quiet, such as the cause its effects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftline.alerting.matchers import Matcher, all_match


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitRule:
    """Targets are quiet while a source fires that has the same values for the labels of `equal`."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    """An absent label equals another absent or empty one."""
    name: str = ""

    def values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """What must be the same."""
        return tuple(labels.get(name, "") for name in self.equal)


class Inhibitors:
    """Who inhibits, among the alerts that fire now."""

    def __init__(self, rules: Iterable[InhibitRule], firing: Iterable[tuple[str, Mapping[str, str]]] = ()) -> None:
        """`firing` are pairs of an alert's id and its labels."""
        self._rules = tuple(rules)
        # By rule and equal values: ids of the sources, those that are no target themselves, then all; dicts for their order.
        self._sources: list[dict[tuple[str, ...], tuple[dict[str, None], dict[str, None]]]] = [{} for _ in self._rules]
        self._places: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for alert_id, labels in firing if self._rules else ():
            self.note(alert_id, labels)

    def of(self, labels: Mapping[str, str]) -> str | None:
        """Id of an alert that inhibits one with these labels; None where none does.

        An alert that is source and target of a rule is not inhibited by another such.
        """
        for rule, sources in zip(self._rules, self._sources, strict=True):
            present = sources.get(rule.values(labels))
            if present is None or not all_match(rule.target, labels):
                continue
            one_sided, every = present
            found = next(iter(one_sided if all_match(rule.source, labels) else every), None)
            if found is not None:
                return found
        return None

    def note(self, alert_id: str, labels: Mapping[str, str] | None) -> None:
        """An alert fires with these labels, or does not any more."""
        for number, values in self._places.pop(alert_id, ()):
            one_sided, every = self._sources[number][values]
            one_sided.pop(alert_id, None)
            del every[alert_id]
            if not every:
                del self._sources[number][values]
        if labels is None:
            return
        for number, rule in enumerate(self._rules):
            if all_match(rule.source, labels):
                self._add(number, alert_id, labels)

    def _add(self, number: int, alert_id: str, labels: Mapping[str, str]) -> None:
        rule = self._rules[number]
        values = rule.values(labels)
        one_sided, every = self._sources[number].setdefault(values, ({}, {}))
        every[alert_id] = None
        if not all_match(rule.target, labels):
            one_sided[alert_id] = None
        self._places.setdefault(alert_id, []).append((number, values))
