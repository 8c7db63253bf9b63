"""Fold the panes of settled days, forget those that no window can count any more."""

from __future__ import annotations

from collections.abc import Iterable

from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows.calendar import Span
from driftline.drift.windows.panes import PaneKey, Series
from driftline.drift.windows.republish import Life, Terms, life_of
from driftline.drift.windows.state import Model, State

__all__ = ["home_of", "keep_house"]


def home_of(span: Span, terms: Terms, reading: int | None) -> Span | None:
    """Return where new counts of a pane go at a clock: itself, its day once that is folded, or None once nothing counts them."""
    if reading is None:
        return span
    life = life_of(terms, span.start)
    return None if reading >= life.expires_at else _place(span, life, reading)


def _place(span: Span, life: Life, reading: int) -> Span:
    return life.day if life.folds_at is not None and reading >= life.folds_at else span


def keep_house(state: State, model: Model, terms: Terms, reading: int) -> None:
    """Move every pane to where it belongs at this clock.

    Panes of windows that can still change stay as they are, and those of all rows that a later window is to be compared with.
    """
    open_windows: dict[Series, list[Span]] = {}
    for window in model.windows.values():
        open_windows.setdefault(window.series, []).append(window.span)
    alone = terms.alone
    for series, key in sorted(model.panes.keys()):
        span = Span(key.start, key.end)
        life = life_of(terms if series.slice == ALL_ROWS else alone, key.start)
        home = None if reading >= life.kept_until else _place(span, life, reading)
        if home == span or _needed(open_windows.get(series, ()), span, home):
            continue
        if home is not None:
            _fold(state, model, series, key, home)
        model.panes.drop(series, key)
        state.save_pane(model, series, key)


def _fold(state: State, model: Model, series: Series, key: PaneKey, home: Span) -> None:
    day = PaneKey(home.start, home.end, key.part, key.layout)
    model.panes.fold(series, key, day)
    state.save_pane(model, series, day)


def _needed(windows: Iterable[Span], span: Span, home: Span | None) -> bool:
    """Whether a window of the series that can still change would lose the pane."""
    return any(
        window.start <= span.start
        and span.end <= window.end
        and (home is None or not (window.start <= home.start and home.end <= window.end))
        for window in windows
    )
