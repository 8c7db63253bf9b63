"""What a person tolerates, in their words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["MONTH_DAYS", "Tolerance"]

MONTH_DAYS = 30
"""The period of every budget: 30 days of event time, counted from 1970."""

_DAYS = {"day": 1.0, "week": 7.0, "month": 30.0, "quarter": 91.25, "year": 365.0}
_NUMBERS = {"one": 1.0, "two": 2.0, "three": 3.0, "half a": 0.5, "a": 1.0, "an": 1.0}
_NUMBER = r"(\d+(?:\.\d+)?|half a|one|two|three|an?)"
_PAGES = re.compile(
    rf"at most {_NUMBER} false (?:page|alarm|alert)s?\s+(?:an?|per|every|in an?|in)\s*(\d+(?:\.\d+)?)?\s*"
    r"(day|week|month|quarter|year)s?"
)
_SHIFTS = re.compile(
    r"(?:tell me (?:about|of) )?(?:shift|change|drift)s? (?:that (?:is|are) )?(?:larger|bigger|greater|more) than (?:a )?psi (?:of )?"
    r"(\d*\.?\d+)"
)
_GLUE = re.compile(r"(?:[\s,;.]|\band\b)+")
_FORM = '"at most 1 false page a month, tell me about shifts larger than PSI 0.1"'


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a person puts up with. Raises ValueError for numbers that no plan can follow from."""

    false_pages: float = 1.0
    """Expected at most, in 30 days, when nothing changes."""
    psi: float = 0.1
    """Shifts up to this are none of their business. 0: any change at all is."""

    def __post_init__(self) -> None:
        if not (0 < self.false_pages < math.inf):
            raise ValueError(f"{self.false_pages:g} false pages a month cannot be promised; tolerate more than 0, such as 0.1")
        if not (0 <= self.psi < math.inf):
            raise ValueError(
                f"a PSI of {self.psi:g} is no size of a shift; 0.02 is hardly noticeable, 0.1 moderate, 0.25 large"
            )

    @staticmethod
    def parse(text: str) -> Tolerance:
        """Read a sentence; either half may be missing and has its default then. Raises ValueError that quotes the rest."""
        words = " ".join(text.lower().split())
        pages, shifts = _PAGES.search(words), _SHIFTS.search(words)
        rest = words
        for match in (pages, shifts):
            rest = rest.replace(match[0], " ", 1) if match else rest
        left = _GLUE.sub(" ", rest).strip()
        if left or not (pages or shifts):
            raise ValueError(f"{left or text!r} is not understood; write for example {_FORM}")
        found = Tolerance()
        return Tolerance(
            false_pages=_pages(pages) if pages else found.false_pages,
            psi=float(shifts[1]) if shifts else found.psi,
        )

    def __str__(self) -> str:
        pages = f"at most {self.false_pages:g} false page{'' if self.false_pages == 1 else 's'} a month"
        return f"{pages}, tell me about shifts larger than PSI {self.psi:g}"


def _pages(match: re.Match[str]) -> float:
    count = _NUMBERS[match[1]] if match[1] in _NUMBERS else float(match[1])
    return count * MONTH_DAYS / (_DAYS[match[3]] * float(match[2] or 1))
