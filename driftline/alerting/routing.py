"""Which receivers an alert goes to: a tree of routes, walked as Alertmanager walks it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from driftline.alerting.escalation import Rota, Step
from driftline.alerting.inhibition import InhibitRule
from driftline.alerting.matchers import Matcher, all_match
from driftline.alerting.noise import NoiseControl
from driftline.alerting.pace import USUAL, Pace
from driftline.alerting.templates.own_texts import OwnTexts
from driftline.alerting.time_intervals import TimeInterval

_MAX_LEVEL_KEY = 500
"""Characters of the key of a level's route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """When a group is notified, in microseconds."""

    group_wait: int = 30_000_000
    """From the first alert of a group to its first notification."""
    group_interval: int = 300_000_000
    """Between two looks at a group."""
    repeat_interval: int = 14_400_000_000
    """After which an unchanged, still firing group is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A node of the tree with everything inherited filled in."""

    key: str
    """`{}` for the root, else the parent's key, `/` and the matchers; siblings with equal matchers are numbered."""
    receiver: str
    group_by: tuple[str, ...]
    """Label names, sorted."""
    group_by_all: bool = False
    """`group_by: ['...']`: every alert that differs in a label is a group of its own."""
    timers: Timers
    matchers: tuple[Matcher, ...] = ()
    """All of them must match; sorted."""
    continue_matching: bool = False
    """Whether siblings after this one are tried too."""
    routes: tuple["Route", ...] = field(default=())
    mute_time_intervals: tuple[str, ...] = ()
    """Names of the intervals in which nobody is told; not inherited."""
    active_time_intervals: tuple[str, ...] = ()
    """Names of the intervals in which alone people are told; always where there is none. Not inherited."""
    digest: bool = False
    """Whether all that happened in a `group_interval` is told at once at its end; intervals are counted from 1970 UTC."""
    levels: tuple["Level", ...] = field(default=())
    """Who is told too, one after the other, while nobody takes care."""

    def match(self, labels: Mapping[str, str]) -> tuple["Route", ...]:
        """The leaf-most routes for these labels, in the order of the tree; empty where this node does not match."""
        if not all_match(self.matchers, labels):
            return ()
        found: list[Route] = []
        for child in self.routes:
            matched = child.match(labels)
            found += matched
            if matched and not child.continue_matching:
                break
        return tuple(found) or (self,)

    def walk(self) -> Iterator["Route"]:
        """This node and all below it."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of the escalation of a route."""

    step: Step
    routes: tuple[Route, ...]
    """One for each receiver that may be on call, without matchers."""


def bounded(key: str, most: int) -> str:
    """A key of at most so many characters that is still one of a kind: a hash stands for the end of a longer one."""
    if len(key) <= most:
        return key
    return f"{key[: most - 34]}..{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def level_route(route: Route, number: int, step: Step, receiver: str) -> Route:
    """The route of a level, from 1: it is told at once, of all that it had not heard of."""
    return replace(
        route,
        key=bounded(f"{route.key}!{number}@{receiver}", _MAX_LEVEL_KEY),
        receiver=receiver,
        timers=replace(route.timers, group_wait=0, repeat_interval=step.repeat_interval),
        digest=False,
        matchers=(),
        mute_time_intervals=step.mute_time_intervals,
        active_time_intervals=step.active_time_intervals,
        routes=(),
        levels=(),
    )


def escalation_levels(route: Route, steps: Iterable[tuple[Step, Rota]]) -> tuple[Level, ...]:
    """The levels of a route."""
    return tuple(
        Level(step=step, routes=tuple(level_route(route, number, step, name) for name in rota.receivers))
        for number, (step, rota) in enumerate(steps, 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One way to tell a receiver, as configured."""

    kind: str
    """webhook, slack, email, teams, pagerduty, splunk_hec, ticket or apprise."""
    name: str
    """Unique; channels of the same name share their senders."""
    send_resolved: bool = True
    url: str | None = None
    """None: what the service's own settings say for this kind."""
    secret_file: str | None = None
    """File with the signing secrets, one a line; None: as for `url`."""
    timeout_seconds: float = 30.0
    max_per_minute: int | None = None
    """So many messages in any minute; None: as usual for its kind."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The other fields of the integration by Alertmanager's names, as texts, lists and mappings; `global` is filled in."""
    texts: OwnTexts | None = None
    """What its messages say in the place of our own words."""

    @property
    def pace(self) -> Pace | None:
        """How fast it may be told; None: as fast as it goes."""
        most = self.max_per_minute or USUAL.get(self.kind)
        return None if most is None else Pace(most)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to tell, and how."""

    name: str
    channels: tuple[ChannelSpec, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The tree, its receivers, and what holds notifications back."""

    root: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, TimeInterval] = field(default_factory=dict)
    rotas: Mapping[str, Rota] = field(default_factory=dict)
    noise: NoiseControl = field(default_factory=NoiseControl)
    resolve_timeout: int = 300_000_000
    """After which an alert without an end, that came over HTTP, counts as over unless it is sent again; microseconds."""
    warnings: tuple[str, ...] = ()
    """What is accepted but should be written in another way."""
    escalates: bool = field(init=False, compare=False)
    """Whether any route has levels."""
    _by_key: Mapping[str, Route] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        routes = list(self.root.walk())
        of_levels = [one for route in routes for level in route.levels for one in level.routes]
        object.__setattr__(self, "escalates", any(route.levels for route in routes))
        object.__setattr__(self, "_by_key", {route.key: route for route in (*routes, *of_levels)})

    def route(self, key: str) -> Route | None:
        """The route of a key; None where the configuration no longer has it."""
        return self._by_key.get(key)

    def muted(self, route: Route, at: int) -> bool:
        """Whether a time (microseconds) is in one of the route's mute intervals, or outside of all its active ones."""
        if any(self.time_intervals[name].contains(at) for name in route.mute_time_intervals):
            return True
        active = route.active_time_intervals
        return bool(active) and not any(self.time_intervals[name].contains(at) for name in active)

    @property
    def channels(self) -> Mapping[str, ChannelSpec]:
        """Every channel by its name."""
        return {channel.name: channel for receiver in self.receivers.values() for channel in receiver.channels}
