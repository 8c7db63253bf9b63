"""Conditions on labels: equal, unequal, and both by regular expression."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftline.alerting.regular_expressions import compile_whole

_RESERVED = frozenset("{}!=~,\\\"'`")
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Operator(StrEnum):
    """How a matcher compares, in the order in which Alertmanager sorts."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"

    @property
    def rank(self) -> int:
        """Place in the order."""
        return tuple(Operator).index(self)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that is absent counts as empty. Raises ValueError for a bad expression."""

    name: str
    operator: Operator
    value: str
    _whole: re.Pattern[str] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.operator in (Operator.MATCHES, Operator.NOT_MATCHES):
            object.__setattr__(self, "_whole", compile_whole(self.value))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        value = labels.get(self.name, "")
        if self._whole is None:
            return (value == self.value) is (self.operator is Operator.EQUAL)
        return (self._whole.fullmatch(value) is not None) is (self.operator is Operator.MATCHES)

    def __str__(self) -> str:
        if any(is_reserved(char) for char in self.name):
            return f"{quote(self.name)}{self.operator.value}{quote(self.value)}"
        return f'{self.name}{self.operator.value}"{self.value.translate(_ESCAPED)}"'


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels fulfil every one; true for none."""
    for matcher in matchers:  # noqa: SIM110 - a third faster than all(), and asked of every route for every alert
        if not matcher.matches(labels):
            return False
    return True


def in_order(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """Sorted by name, value and operator."""
    return tuple(sorted(matchers, key=lambda matcher: (matcher.name, matcher.value, matcher.operator.rank)))


def quote(text: str) -> str:
    """A text in double quotes with escapes, so that no two texts look the same."""
    return f'"{text.translate(_QUOTED)}"'


def is_reserved(char: str) -> bool:
    """Whether a character ends an unquoted name or value."""
    return is_space(char) or char in _RESERVED


def is_space(char: str) -> bool:
    """White space as Go sees it: Python's but for the four separators of ASCII."""
    return char.isspace() and not "\x1c" <= char <= "\x1f"
