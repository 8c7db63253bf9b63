"""What a person tolerates, in their words, and what follows from it: budgets, levels and an explanation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from driftline.drift.calibration import tails
from driftline.drift.calibration.multiplicity import Spending, Wealth, level
from driftline.drift.profile.panes import Granularity, Unit

__all__ = ["MONTH_DAYS", "Plan", "Sensitivity", "Tolerance", "explain", "sensitivity"]

MONTH_DAYS = 30
"""The period of every budget: 30 days of event time, counted from 1970."""
EARNED = 0.05
"""Part of what was told that may be false beyond the stated budget: lets the test be keener while drift lasts."""
LOOSEST = 0.05
"""No window is tested at a looser level than this, however many false pages are tolerated."""
CELLS = 10
"""Of the columns that explanations speak of: deciles."""
FOUND = 0.8
"""Share of cases in which a shift counts as found."""

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


@dataclass(frozen=True, slots=True)
class Plan:
    """A tolerance applied to a monitor: what each sequence of tests may spend.

    Each granularity has the whole budget, since only one of them pages; its families share it equally. All windows of a
    family at a granularity, over versions and slices, are one sequence.
    """

    tolerance: Tolerance
    families: tuple[str, ...]
    """That are tested: feature, prediction, label, quality, ..."""
    series: int = 1
    """Model versions x (slices + 1) that are expected; more of them are tested more strictly, not less."""

    def windows(self, granularity: str) -> float:
        """Return how many windows a sequence is expected to decide in 30 days."""
        return MONTH_DAYS / _days(granularity) * self.series

    @property
    def pages(self) -> float:
        """Return the false alarms that one family may raise in 30 days."""
        return self.tolerance.false_pages / max(1, len(self.families))

    def spending(self, granularity: str) -> Spending:
        """Return how a sequence of window tests spends its share."""
        horizon = max(1, math.ceil(self.windows(granularity)))
        return Spending(self.pages * (1 - EARNED), EARNED, EARNED, horizon)

    def level(self, granularity: str, wealth: Wealth) -> float:
        """Return the level of a sequence's next window."""
        return min(LOOSEST, level(self.spending(granularity), wealth))

    def stream_level(self, granularity: str) -> float:
        """Return the false alarms per window that all e-detectors of a family and series may raise together."""
        return min(LOOSEST, self.pages / max(1.0, self.windows(granularity)))


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a window of n rows can tell."""

    limit: float
    """PSI from which a column alone alarms."""
    found: float
    """True PSI that is found in 80 % of windows."""


def sensitivity(tau: float, alpha: float, n: int, m: int, *, columns: int = 1, dispersion: float = 1.0) -> Sensitivity:
    """Return what one column among `columns` has to show, at deciles, for a window of n rows against m of the baseline."""
    scale, freedom = (1 / n + 1 / m) * dispersion, CELLS - 1
    limit = tails.noncentral_limit(alpha / max(1, columns), freedom, tau / scale)
    return Sensitivity(scale * limit, scale * tails.noncentral_shift(limit, freedom, FOUND))


def explain(plan: Plan, granularities: Sequence[str], alert_on: str, *, columns: int, n: int, m: int) -> str:
    """Return what the tolerance means for this monitor, for a person.

    `n` is the rows of a window that pages, against m of the baseline; other windows have as many more as they are longer.
    """
    tau = plan.tolerance.psi
    lines = [
        f"You tolerate {plan.tolerance}.",
        f"{len(plan.families)} families share the budget ({', '.join(plan.families)}): {plan.pages:.3g} false alarms a month each.",
    ]
    for granularity in granularities:
        alpha = plan.level(granularity, Wealth())
        rows = max(1, round(n * _days(granularity) / _days(alert_on)))
        told = sensitivity(tau, alpha, rows, m, columns=columns)
        pages = "pages" if granularity == alert_on else "is only shown"
        lines.append(
            f"{granularity} ({pages}): {plan.windows(granularity):.4g} windows a month, each tested at level {alpha:.2g}. "
            f"One of {columns} columns alarms from PSI {told.limit:.3g} on (n = {rows:,}, baseline {m:,}); "
            f"a true shift of PSI {told.found:.3g} is found in 4 of 5 windows."
        )
    lines.append(
        f"A window without any change alarms less often still: PSI {tau:g} is allowed before counting begins. "
        f"While drift lasts the levels rise; at most {EARNED:.0%} of what is told is false for that reason."
    )
    return "\n".join(lines)


def _pages(match: re.Match[str]) -> float:
    count = _NUMBERS[match[1]] if match[1] in _NUMBERS else float(match[1])
    return count * MONTH_DAYS / (_DAYS[match[3]] * float(match[2] or 1))


def _days(granularity: str) -> float:
    size = Granularity.parse(granularity)
    lengths = {Unit.MINUTE: 1 / 1440, Unit.HOUR: 1 / 24, Unit.DAY: 1.0, Unit.WEEK: 7.0, Unit.MONTH: 30.0}
    return size.count * lengths[size.unit]
