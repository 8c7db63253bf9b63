"""Shifts that no single window can show: windows in their order bet on where their rows are.

Rows of one window may resemble each other so much that a hundred of them say what one would: every flight of a day has the day's
weather. A test of that day alone has nothing to go by. So each window is one observation, however alike its rows are: its share
x_t of rows in a set of cells S_t. Merging cells only lowers PSI, so "the shift is at most what is tolerated" bounds the mean of x_t
by m_t, and for any fraction f_k in (0, 1)

    L_k = 1 - f_k + f_k x_t / m_t        M_k <- (M_k + 1) L_k        M = mean_k M_k

is the e-detector of `e_process` with bets that never lose everything. S_t may be chosen freely from the windows *before* t: the
cells in which they had most rows too many. Those may also be cells in which the baseline has few by chance, so its share is bounded
for all sets at once. Null: E[x_t | windows before] <= m_t, which rows of a window may break no more than windows that depend on
each other may; a spell of cold days is a shift as long as it lasts. Where rows are alike, those of the baseline are too:
its share is bounded as if it had so many times fewer.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftline.drift.calibration import e_process
from driftline.drift.calibration.alarms import Reason
from driftline.drift.calibration.evidence import ColumnCounts

__all__ = ["FRACTIONS", "NO_BET", "Bet", "Course", "bet_of", "moved", "pack", "settled", "unpack", "value"]

FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
"""f_k: of what could be lost in the worst window."""
CELLS = 16
"""Cells that a bet chooses among; those beyond are one."""
NEWEST = 0.2
"""Weight of a window in the moving average of shares: some five windows are looked back at."""
_WHOLE = 65_535  # shares are remembered in parts of it
_ENTRY = struct.Struct("<HBff")
_REASONS = (None, Reason.SHIFT, Reason.LASTING)

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class Bet(NamedTuple):
    """What one window is held to: with it, the measure is a function of the window's counts."""

    cells: int
    """S_t as bits; 0 where nothing is bet on."""
    bound: float
    """m_t."""
    before: float
    """Average share of earlier windows in these cells."""
    reason: Reason | None = None
    """Why it alarms; None where it does not."""

    def share(self, counts: Counts) -> float:
        """Return x_t."""
        folded = _folded(counts)
        return float(folded[_chosen(self.cells, len(folded))].sum() / max(1, folded.sum()))

    def lately(self, counts: Counts) -> float:
        """Return the average share with this window in it: the value of the measure."""
        return (1 - NEWEST) * self.before + NEWEST * self.share(counts)


NO_BET = Bet(0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Course:
    """State of one column."""

    shares: bytes = b""
    """Moving average of the windows' shares of cells, as uint16; empty before the first window."""
    wealth: tuple[float, ...] = ()
    """ln M_k; empty at the beginning and after an alarm."""
    alarmed: bool = False


def bet_of(course: Course, column: ColumnCounts, tau: float, dispersion: float) -> Bet:
    """Choose what the next window is held to, from the windows before it and the baseline alone."""
    baseline = _folded(column.baseline)
    m = int(baseline.sum())
    if not course.shares or not m:
        return NO_BET
    lately, usual = np.frombuffer(course.shares, "<u2") / _WHOLE, baseline / m
    order = np.argsort(-lately / np.maximum(usual, 0.5 / m), kind="stable")
    x, q = np.cumsum(lately[order])[:-1], np.cumsum(usual[order])[:-1]
    best = int(np.argmax(_gain(x, q))) if len(x) else -1
    if best < 0 or x[best] <= q[best]:
        return NO_BET
    chosen = order[: best + 1]
    hits, rows = (int(part / dispersion) for part in (baseline[chosen].sum(), m))
    bound = e_process.tolerated(hits, rows, tau, choices=2 ** len(baseline))
    cells = int(sum(1 << int(cell) for cell in chosen))
    return Bet(cells, _stored(bound), _stored(float(x[best]))) if bound < 1 else NO_BET


def moved(course: Course, bet: Bet, counts: Counts) -> Course:
    """Take in a window: what was bet on it is won or lost, and it is remembered. One without values changes nothing."""
    folded = _folded(counts)
    if not folded.sum():
        return course
    now = folded / folded.sum()
    known = np.frombuffer(course.shares, "<u2") / _WHOLE if course.shares else now
    shares = np.round(((1 - NEWEST) * known + NEWEST * now) * _WHOLE).astype("<u2").tobytes()
    if not bet.cells:
        return Course(shares, course.wealth, course.alarmed)
    return Course(shares, e_process.fractions_won(course.wealth, FRACTIONS, bet.share(counts) / bet.bound), course.alarmed)


def value(course: Course) -> float:
    """Return M, the evidence so far."""
    return e_process.mean_of(course.wealth)


def settled(course: Course, bet: Bet, counts: Counts, *, alarm: bool) -> tuple[Course, Bet]:
    """Return the course after its evidence was judged, and the bet with its reason.

    An alarm begins anew, and lasts until the windows of late are tolerable on average: one mild day ends no cold spell.
    """
    if alarm:
        return Course(course.shares, (), alarmed=True), bet._replace(reason=Reason.LASTING if course.alarmed else Reason.SHIFT)
    if not bet.cells or not counts.sum():
        return course, bet
    lasts = course.alarmed and bet.lately(counts) > bet.bound
    return Course(course.shares, course.wealth, alarmed=lasts), bet._replace(reason=Reason.LASTING if lasts else None)


def pack(bets: Sequence[Bet]) -> bytes:
    """Return bets in few bytes: they are kept with every window that can change."""
    return b"".join(_ENTRY.pack(bet.cells, _REASONS.index(bet.reason), bet.bound, bet.before) for bet in bets)


def unpack(data: bytes) -> list[Bet]:
    """Read them back. Raises struct.error and IndexError for other bytes."""
    return [Bet(cells, bound, before, _REASONS[reason]) for cells, reason, bound, before in _ENTRY.iter_unpack(data)]


def _gain(x: Floats, q: Floats) -> Floats:
    """What a bettor who knew x would win on average, were windows all or nothing: their relative entropy; 0 where x <= q."""
    q = np.clip(q, 1e-6, 1 - 1e-6)
    x = np.clip(x, 1e-6, 1 - 1e-6)
    return np.where(x > q, x * np.log(x / q) + (1 - x) * np.log((1 - x) / (1 - q)), 0.0)


def _chosen(cells: int, size: int) -> NDArray[np.bool_]:
    return np.array([bool(cells >> cell & 1) for cell in range(size)])


def _folded(counts: Counts) -> Counts:
    return counts if len(counts) <= CELLS else np.append(counts[: CELLS - 1], counts[CELLS - 1 :].sum())


def _stored(number: float) -> float:
    """As `pack` keeps it, so that a revision comes to the same."""
    return float(np.float32(number))
