"""Reading a document field by field: each reader takes what it understands and notes what it does not, with line and remedy."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from math import isfinite
from typing import TypeVar

from driftline.governance.document import Document, Plain
from driftline.governance.errors import Problem

Value = TypeVar("Value")


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or list them all."""
    words = sorted(known)
    if close := get_close_matches(word.lower(), words, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(words)}" if words else "none is known"


class Fields:
    """A mapping of a document under a path. Missing keys give the default; faults are collected, never raised."""

    def __init__(self, document: Document, problems: list[Problem], values: dict[str, Plain], path: str = "") -> None:
        self._document = document
        self._problems = problems
        self._values = values
        self._path = path

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def keys(self) -> list[str]:
        """Keys in the order of the document."""
        return list(self._values)

    def names(self, key: str) -> bool:
        """Whether the key is written at all, be it with null."""
        return key in self._values

    def problem(self, key: str, detail: str) -> None:
        """Note a fault of a key; "" = of the mapping itself."""
        path = ".".join(part for part in (self._path, key) if part)
        self._problems.append(Problem(path, detail, self._document.lines.get(path)))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note every key that is not known, with the nearest one that is."""
        allowed = set(known)
        for key in self._values:
            if key not in allowed:
                self.problem(key, f"unknown key; {nearest(key, allowed)}")

    def text(self, key: str, default: str | None = None) -> str | None:
        """Text; a number or a truth value is refused, since YAML may have read something else than was meant."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.problem(key, f"{value!r} is not text here; put it in quotes")
            return default
        if not value.strip() or len(value.encode()) > 4096:
            self.problem(key, "must hold 1 to 4096 bytes of text")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.problem(key, f"{value!r} is neither true nor false")
        return default

    def whole(self, key: str, default: int, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problem(key, f"{value!r} is no whole number from {low} to {high}")
            return default
        return value

    def number(self, key: str) -> float | None:
        """A finite number, None where null is written or the value is refused."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.problem(key, f"{value!r} is no finite number")
            return None
        return float(value)

    def parsed(self, key: str, default: Value, parse: Callable[[str], Value]) -> Value:
        """Text that `parse` understands; its ValueError becomes the fault."""
        text = self.text(key)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problem(key, str(error))
            return default

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty where the key is missing."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(key, "must be a list, such as [a, b]")
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, str) and item.strip():
                found.append(item)
            else:
                self.problem(f"{key}[{index}]", f"{item!r} is not text; put it in quotes")
        return found

    def items(self, key: str) -> list[Plain]:
        """A list of anything; empty where the key is missing."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, list):
            self.problem(key, "must be a list")
        return value if isinstance(value, list) else []

    def section(self, key: str) -> "Fields":
        """The mapping below a key; empty where it is missing or no mapping."""
        value = self._values.get(key)
        path = ".".join(part for part in (self._path, key) if part)
        if value is not None and not isinstance(value, dict):
            self.problem(key, "must be a mapping of keys to values")
        return Fields(self._document, self._problems, value if isinstance(value, dict) else {}, path)

    def is_mapping(self, key: str) -> bool:
        """Whether a mapping stands below the key."""
        return isinstance(self._values.get(key), dict)
