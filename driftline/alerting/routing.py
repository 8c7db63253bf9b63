"""Which receivers an alert goes to: a tree of routes, walked as Alertmanager walks it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Operator(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that is absent counts as empty."""

    name: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        return (labels.get(self.name, "") == self.value) is (self.operator is Operator.EQUAL)

    def __str__(self) -> str:
        return f'{self.name}{self.operator.value}"{self.value}"'


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
    timers: Timers
    matchers: tuple[Matcher, ...] = ()
    """All of them must match; sorted."""
    continue_matching: bool = False
    """Whether siblings after this one are tried too."""
    routes: tuple["Route", ...] = field(default=())

    def match(self, labels: Mapping[str, str]) -> tuple["Route", ...]:
        """The leaf-most routes for these labels, in the order of the tree; empty where this node does not match."""
        if not all(matcher.matches(labels) for matcher in self.matchers):
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
class ChannelSpec:
    """One way to tell a receiver, as configured."""

    kind: str
    """webhook, slack, email, teams or pagerduty."""
    name: str
    """Unique; channels of the same name share their senders."""
    send_resolved: bool = True
    url: str | None = None
    """None: what the service's own settings say for this kind."""
    secret_file: str | None = None
    """File with the signing secrets, one a line; None: as for `url`."""
    timeout_seconds: float = 30.0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The other fields of the integration by Alertmanager's names, as texts, lists and mappings; `global` is filled in."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to tell, and how."""

    name: str
    channels: tuple[ChannelSpec, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The tree and its receivers."""

    root: Route
    receivers: Mapping[str, Receiver]

    def route(self, key: str) -> Route | None:
        """The route of a key; None where the configuration no longer has it."""
        return next((route for route in self.root.walk() if route.key == key), None)

    @property
    def channels(self) -> Mapping[str, ChannelSpec]:
        """Every channel by its name."""
        return {channel.name: channel for receiver in self.receivers.values() for channel in receiver.channels}
