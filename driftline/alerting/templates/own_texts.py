"""The texts of one channel as they are written in the configuration. Needs no Jinja2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Part(StrEnum):
    """What of a message a text stands for."""

    TITLE = "title"
    TEXT = "text"
    HTML = "html"
    """The text in the HTML of a mail."""


PARTS: Mapping[str, Part] = {
    "title": Part.TITLE,
    "subject": Part.TITLE,
    "description": Part.TITLE,
    "text": Part.TEXT,
    "html": Part.HTML,
}
"""By the field that holds it."""


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """Jinja2 by field (a key of PARTS), and the files that it may import macros from, by their names."""

    sources: Mapping[str, str] = field(hash=False)
    library: Mapping[str, str] = field(hash=False)


class TextFault(ValueError):
    """A text cannot be parsed or rendered."""

    def __init__(self, problem: str, *, line: int = 1, file: str | None = None) -> None:
        """`line` in the text, or in the `file` of the library where that is at fault."""
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.file = file
