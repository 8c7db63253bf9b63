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

    def __init__(self, rules: Iterable[InhibitRule], firing: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """`firing` are pairs of an alert's id and its labels."""
        self._rules = tuple(rules)
        # By rule and equal values: the first source that is no target itself, and the first of all.
        self._sources: list[dict[tuple[str, ...], tuple[str | None, str]]] = [{} for _ in self._rules]
        for alert_id, labels in firing if self._rules else ():
            self._add(alert_id, labels)

    def of(self, labels: Mapping[str, str]) -> str | None:
        """Id of an alert that inhibits one with these labels; None where none does.

        An alert that is source and target of a rule is not inhibited by another such.
        """
        for rule, sources in zip(self._rules, self._sources, strict=True):
            present = sources.get(rule.values(labels))
            if present is None or not all_match(rule.target, labels):
                continue
            one_sided, either = present
            found = one_sided if all_match(rule.source, labels) else either
            if found is not None:
                return found
        return None

    def _add(self, alert_id: str, labels: Mapping[str, str]) -> None:
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if not all_match(rule.source, labels):
                continue
            one_sided, either = sources.get(rule.values(labels), (None, alert_id))
            if one_sided is None and not all_match(rule.target, labels):
                one_sided = alert_id
            sources[rule.values(labels)] = (one_sided, either)
