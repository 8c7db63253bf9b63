"""What follows from a tolerance: budgets, levels, and an explanation for a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftline.drift.calibration import tails
from driftline.drift.calibration.multiplicity import Spending, Wealth, level
from driftline.drift.calibration.tolerance import MONTH_DAYS, Tolerance
from driftline.drift.profile.panes import Granularity
from driftline.wording import amount

__all__ = ["Plan", "Sensitivity", "explain", "sensitivity"]

EARNED = 0.05
"""Part of what was told that may be false beyond the stated budget: lets the test be keener while drift lasts."""
LASTING = 0.2
"""Part of a tested family's share that its lasting shifts may raise; a bettor hardly feels a smaller one, a test does."""
LOOSEST = 0.05
"""No window is tested at a looser level than this, however many false pages are tolerated."""
CELLS = 10
"""Of the columns that explanations speak of: deciles."""
FOUND = 0.8
"""Share of cases in which a shift counts as found."""


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
    comparisons: int = 0
    """Families that are also compared with windows of the past, over all references: each has a share of its own."""

    def windows(self, granularity: str) -> float:
        """Return how many windows a sequence is expected to decide in 30 days."""
        return MONTH_DAYS / Granularity.parse(granularity).days * self.series

    @property
    def pages(self) -> float:
        """Return the false alarms that one family may raise in 30 days."""
        return self.tolerance.false_pages / max(1, len(self.families) + self.comparisons)

    def spending(self, granularity: str) -> Spending:
        """Return how a sequence of window tests spends its share.

        Windows that hop are as many tests as there are windows, and their levels add up to the budget however much they share.
        Only what rejections earn back needs p-values that are fair given the past, so they earn nothing.
        """
        horizon = max(1, math.ceil(self.windows(granularity)))
        if Granularity.parse(granularity).overlap > 1:
            return Spending(self.pages * (1 - LASTING), 0.0, 0.0, horizon)
        return Spending(self.pages * (1 - LASTING) * (1 - EARNED), EARNED, EARNED, horizon)

    def level(self, granularity: str, wealth: Wealth) -> float:
        """Return the level of a sequence's next window."""
        return min(LOOSEST, level(self.spending(granularity), wealth))

    def stream_level(self, granularity: str) -> float:
        """Return the false alarms per window that all e-detectors of rates of a family and series may raise together."""
        return min(LOOSEST, self.pages / max(1.0, self.windows(granularity)))

    def lasting_level(self, granularity: str) -> float:
        """And those of lasting shifts."""
        return min(LOOSEST, self.pages * LASTING / max(1.0, self.windows(granularity)))


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
        f"{amount(len(plan.families), 'family shares', 'families share')} the budget ({', '.join(plan.families)}): {plan.pages:.3g} false alarms a month each.",
    ]
    for granularity in granularities:
        alpha = plan.level(granularity, Wealth())
        rows = max(1, round(n * _length(granularity) / _length(alert_on)))
        told = sensitivity(tau, alpha, rows, m, columns=columns)
        pages = "pages" if granularity == alert_on else "is only shown"
        lines.append(
            f"{granularity} ({pages}): {plan.windows(granularity):.4g} windows a month, each tested at level {alpha:.2g}. "
            f"One of {columns} columns alarms from PSI {told.limit:.3g} on (n = {rows:,}, baseline {m:,}); "
            f"a true shift of PSI {told.found:.3g} is found in 4 of 5 windows."
        )
    lines.append(
        f"A shift that lasts is found over the windows too, where their rows are too much alike for any one of them to show it: "
        f"{LASTING:.0%} of the budget is for that."
    )
    lines.append(
        f"A window without any change alarms less often still: PSI {tau:g} is allowed before counting begins. "
        f"While drift lasts the levels rise; at most {EARNED:.0%} of what is told is false for that reason."
    )
    return "\n".join(lines)


def _length(granularity: str) -> float:
    size = Granularity.parse(granularity)
    return size.days * size.overlap
