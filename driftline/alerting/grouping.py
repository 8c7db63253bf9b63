"""Which alerts are told together, and when their group is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline.alerting.alert import Alert
from driftline.alerting.decisions import SuppressReason
from driftline.alerting.matchers import quote
from driftline.alerting.routing import Route, bounded

MAX_KEY = 700
"""Characters of a group's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alerts of one route with equal grouping labels."""

    key: str
    route_key: str
    receiver: str
    labels: Mapping[str, str]
    """The grouping labels that its alerts have."""
    interval: int
    """`group_interval` of its route, microseconds."""
    next_look_at: int | None
    """When it is looked at next; None: not before something changes."""
    last_look_at: int | None = None
    """The tick of the last look; None before the first."""
    epoch: int = 0
    """Counts the looks; who changes it owns the look."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert in a group."""

    alert: Alert
    leaving: bool = False
    """It now belongs to another route and stays only until its end has been told here."""
    held: SuppressReason | None = None
    """Why nothing new is told of it, such as silenced or inhibited. Its end is told all the same to those who had heard of it."""
    speaks_for: int = 0
    """Less urgent alerts of the same window of which nothing is told because this one is."""


def group_labels(alert: Alert, route: Route) -> Mapping[str, str]:
    """The route's grouping labels that the alert has; for `...` all of its identity, which does not change while it fires."""
    if route.group_by_all:
        name = {} if alert.posted is not None else {"alertname": alert.alert_type.value}
        return {name: value for name, value in {**name, **alert.labels}.items() if value}
    labels = alert.routing_labels
    return {name: labels[name] for name in route.group_by if labels.get(name)}


def group_key(route: Route, labels: Mapping[str, str]) -> str:
    """Such as `{}/{priority="high"}:{model_id="flights.delay"}`, as Alertmanager writes it; a hash ends what is too long."""
    inside = ", ".join(f"{name}={quote(labels[name])}" for name in sorted(labels))
    return bounded(f"{route.key}:{{{inside}}}", MAX_KEY)


def new_group(route: Route, alert: Alert, now: int) -> Group:
    """The group that an alert opens; it waits for company for `group_wait`, that of a digest up to the end of its period."""
    every = route.timers.group_interval
    labels = group_labels(alert, route)
    return Group(
        key=group_key(route, labels),
        route_key=route.key,
        receiver=route.receiver,
        labels=labels,
        interval=route.timers.group_interval,
        next_look_at=(now // every + 1) * every if route.digest else now + route.timers.group_wait,
    )


def tick_for(group: Group, at: int) -> int:
    """The first tick at or after a time: the end of `group_wait`, then every interval after the last look.

    A quiet group is not looked at on every tick; it is on those where there may be something to tell.
    """
    if group.last_look_at is None:
        return at if group.next_look_at is None else group.next_look_at
    return next_tick(group.last_look_at, group.interval, at)


def next_tick(last: int, interval: int, at: int) -> int:
    """The first tick after the last look, at or after a time."""
    return last + max(1, -(-(at - last) // interval)) * interval
