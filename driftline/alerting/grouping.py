"""Which alerts are told together, and when their group is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline.alerting.alert import Alert
from driftline.alerting.routing import Route, Timers


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alerts of one route with equal grouping labels."""

    key: str
    route_key: str
    receiver: str
    labels: Mapping[str, str]
    """The grouping labels that its alerts have."""
    next_flush_at: int
    """When it is looked at next, microseconds."""
    epoch: int = 0
    """Counts the looks; who changes it owns the look."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert in a group."""

    alert: Alert
    leaving: bool = False
    """It now belongs to another route and stays only until its end has been told here."""


def group_labels(alert: Alert, route: Route) -> Mapping[str, str]:
    """The route's grouping labels that the alert has."""
    labels = alert.routing_labels
    return {name: labels[name] for name in route.group_by if labels.get(name)}


def group_key(route: Route, labels: Mapping[str, str]) -> str:
    """Such as `{}/{priority="high"}:{model_id="flights.delay"}`, as Alertmanager writes it."""
    inside = ", ".join(f'{name}="{labels[name]}"' for name in sorted(labels))
    return f"{route.key}:{{{inside}}}"


def new_group(route: Route, alert: Alert, now: int) -> Group:
    """The group that an alert opens; it waits for company for `group_wait`."""
    labels = group_labels(alert, route)
    return Group(
        key=group_key(route, labels),
        route_key=route.key,
        receiver=route.receiver,
        labels=labels,
        next_flush_at=now + route.timers.group_wait,
    )


def next_flush(group: Group, timers: Timers, now: int) -> int:
    """The tick after this one. Ticks that were slept through are not made up for."""
    following = group.next_flush_at + timers.group_interval
    return following if following > now else now + timers.group_interval
