"""Checks before a service starts: the topics are there, and are what their declarations say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from driftline import topics
from driftline.errors import ConfigurationError
from driftline.kafka.ports import Admin, NewTopic, TopicDescription
from driftline.topics import TopicDeclaration

__all__ = ["Difference", "DifferenceKind", "differences", "new_topic", "require_topics"]


class DifferenceKind(Enum):
    """How a topic differs from its declaration."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which the cluster is not as declared."""

    topic: str
    kind: DifferenceKind
    setting: str
    declared: str
    found: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.kind is DifferenceKind.MISSING:
            return f"topic {self.topic} does not exist"
        return f"topic {self.topic} has {self.setting} {self.found}, declared is {self.declared}"


def new_topic(declaration: TopicDeclaration) -> NewTopic:
    """Return what to create for a declaration."""
    return NewTopic(declaration.name, declaration.partitions, declaration.config)


def differences(admin: Admin, declarations: Iterable[TopicDeclaration]) -> list[Difference]:
    """Compare the cluster with declarations; settings that are not declared do not matter."""
    wanted = list(declarations)
    found = admin.describe([declaration.name for declaration in wanted])
    return [one for declaration in wanted for one in _compare(declaration, found.get(declaration.name))]


def require_topics(admin: Admin, names: Iterable[str]) -> None:
    """Raise ConfigurationError unless these topics (short names) are as declared; it says what to do."""
    known = topics.catalogue()
    found = differences(admin, [known[name] for name in names])
    if not found:
        return
    listing = "; ".join(str(one) for one in found)
    remedy = "run `driftline topics apply`"
    if any(one.kind is DifferenceKind.PARTITIONS for one in found):
        remedy += " (a partition count is fixed for life: a topic that has another one must be made anew)"
    raise ConfigurationError(f"{listing}: {remedy}")


def _compare(declaration: TopicDeclaration, found: TopicDescription | None) -> list[Difference]:
    name = declaration.name
    if found is None:
        return [Difference(name, DifferenceKind.MISSING, "", "", "")]
    result = []
    if found.partitions != declaration.partitions:
        result.append(
            Difference(name, DifferenceKind.PARTITIONS, "partitions", str(declaration.partitions), str(found.partitions))
        )
    for setting, value in declaration.config.items():
        actual = found.config.get(setting, "(not set)")
        if actual != value:
            result.append(Difference(name, DifferenceKind.CONFIG, setting, value, actual))
    return result
