"""Every measure of a window's inputs against its baseline, all columns at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from driftline.drift.measures.chi2 import chi2_rows
from driftline.drift.measures.hellinger import hellinger_rows
from driftline.drift.measures.js import js_rows
from driftline.drift.measures.kl import kl_rows
from driftline.drift.measures.ks import ks_rows
from driftline.drift.measures.linf import linf_rows
from driftline.drift.measures.matrices import Cut, Side, baseline_vectors
from driftline.drift.measures.psi import psi_rows
from driftline.drift.measures.quantiles import LEVELS
from driftline.drift.measures.shares import Counts, Floats
from driftline.drift.measures.tv import tv_rows
from driftline.drift.measures.wasserstein import norm, wasserstein_rows
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.drift.thresholds import check
from driftline.events import Baseline, BaselineColumn, Measure, Monitor

__all__ = ["between", "compare", "inputs"]

REMEMBERED = 256
"""Layouts whose reference side is kept ready, some 100 kB for each 20 columns."""

_ON_BINS = {
    "psi": psi_rows,
    "js": js_rows,
    "tv": tv_rows,
    "kl": kl_rows,
    "hellinger": hellinger_rows,
    "linf": linf_rows,
}
_ON_FINE = ("wasserstein", "wasserstein_normed")
_RATES = ("null_rate", "null_rate_delta")
_DISTINCT = ("distinct_count", "distinct_count_delta", "distinct_rate", "distinct_rate_delta")
_BEYOND = ("below_rate", "above_rate", "out_of_range_rate")
_RATES_OF_NUMBERS = (*_RATES, "nan_rate", "nan_rate_delta", *_DISTINCT, *_BEYOND, "zero_rate", "zero_rate_delta")
_RATES_OF_CATEGORIES = (*_RATES, "unseen_rate", "unseen_rate_delta", *_DISTINCT)
_LEVELS = ("mean", *LEVELS, "mean_delta")
_DELTA = "_delta"

Values = list[list[float | None]]


def inputs(layout: Layout, baseline: Baseline, monitor: Monitor, profile: Profile) -> tuple[Measure, ...]:
    """Return the measures of every watched column, checked against the monitor's thresholds.

    Distances are of the rows that have a value: psi, js, tv, kl, hellinger, linf and chi2 on deciles or categories; ks,
    wasserstein and wasserstein_normed of numeric columns on the fine cells. Rows without a value show in the rates, which
    belong to the family quality: null_rate, nan_rate or unseen_rate and their differences from the baseline's (`_delta`),
    and of numbers below_rate, above_rate (beyond the baseline's extremes) and their sum out_of_range_rate, zero_rate, p05, p50,
    p95, mean and mean_delta. distinct_count and distinct_rate (of the rows with a value) are of categories, and of numbers of
    which the baseline has at most 64: values that it does not know count as one. count_delta, without a column, is rows less
    the baseline's. What cannot be computed has the value None. Whether there are rows enough to decide is the caller's business.
    """
    if not layout.blocks:
        return ()
    known = {column.name: column for column in baseline.columns}
    columns = tuple(known[block.column] for block in layout.blocks)
    cut, reference = _reference(layout.blocks, columns, baseline.rows)
    return check(
        list(_measured(layout.blocks, reference, cut.side(profile.cells, profile.sums, profile.rows), cut)), monitor.thresholds
    )


def between(layout: Layout, before: Profile, now: Profile) -> tuple[Measure, ...]:
    """Return how far two windows of a layout are apart: the distances and differences of `inputs`, `before` in place of the baseline.

    Unchecked. What one window alone has (its null rate, its quantiles) is not among them.
    """
    if not layout.blocks:
        return ()
    cut = _cut(layout.blocks)
    then, current = (cut.side(each.cells, each.sums, each.rows) for each in (before, now))
    found = _measured(layout.blocks, then, current, cut)
    return tuple(each for each in found if each.family != "quality" or each.name.endswith(_DELTA))


def compare(family: str, column: str, baseline: Counts, current: Counts) -> tuple[Measure, ...]:
    """Return psi, js, tv, kl, hellinger, linf and chi2 of two counts of the same cells; None where a side has no rows."""
    values, statistics, p_values = _on_bins(baseline[None, :], current[None, :])
    return tuple(_distances(family, column, values[0], (statistics[0], p_values[0])))


@lru_cache(REMEMBERED)
def _reference(blocks: tuple[Block, ...], columns: tuple[BaselineColumn, ...], rows: int) -> tuple[Cut, Side]:
    """Lay out the columns and the baseline's side of them, once for all windows of a layout."""
    cut = _cut(blocks)
    return cut, cut.side(*baseline_vectors(columns, cut), rows)


@lru_cache(REMEMBERED)
def _cut(blocks: tuple[Block, ...]) -> Cut:
    return Cut.of(blocks)


def _measured(blocks: tuple[Block, ...], reference: Side, current: Side, cut: Cut) -> Iterator[Measure]:
    on_bins, statistics, p_values = _on_bins(reference.bins, current.bins)
    on_fine, distances, ks_p_values = _on_fine(reference, current)
    rates, levels = _rates(reference, current), _levels(reference, current, cut)
    numeric = 0
    for at, block in enumerate(blocks):
        family = "prediction" if block.column.startswith(":") else "feature"
        yield from _distances(family, block.column, on_bins[at], (statistics[at], p_values[at]))
        if block.kind is BlockKind.CATEGORICAL:
            yield from _named("quality", block.column, _RATES_OF_CATEGORIES, rates[at])
            continue
        value, p_value = distances[numeric], ks_p_values[numeric]
        yield Measure(family=family, name="ks", column=block.column, value=value, p_value=p_value)
        yield from _named(family, block.column, _ON_FINE, on_fine[numeric])
        yield from _named("quality", block.column, _RATES_OF_NUMBERS, rates[at])
        yield from _named("quality", block.column, _LEVELS, levels[numeric])
        numeric += 1
    more = float(current.rows - reference.rows) if current.rows else None
    yield Measure(family="quality", name="count_delta", value=more)


def _on_bins(reference: Counts, current: Counts) -> tuple[Values, list[float | None], list[float | None]]:
    """Distances on deciles or categories by column, then X2 and its p."""
    values = np.stack([rows(reference, current) for rows in _ON_BINS.values()], axis=-1)
    statistics, p_values = chi2_rows(reference, current)
    return _known(values), _known(statistics), _known(p_values)


def _on_fine(reference: Side, current: Side) -> tuple[Values, list[float | None], list[float | None]]:
    """Distances on the fine cells by numeric column, then D of Kolmogorov and Smirnov and its p."""
    with np.errstate(over="ignore", invalid="ignore"):
        shift = current.means - reference.means
        distance = wasserstein_rows(reference.fine, current.fine, current.borders, shift)
        values = np.stack((distance, distance / norm(reference.deviations)), axis=-1)
    statistics, p_values = ks_rows(reference.fine, current.fine)
    return _known(values), _known(statistics), _known(p_values)


def _rates(reference: Side, current: Side) -> Values:
    """In the order of `_RATES_OF_NUMBERS`; that of `_RATES_OF_CATEGORIES` is its beginning."""
    null, odd, below, above, zero = current.rates.T
    null_delta, odd_delta, _, _, zero_delta = (current.rates - reference.rates).T
    distinct, share = current.distinct, current.shares_distinct
    of_values = (distinct, distinct - reference.distinct, share, share - reference.shares_distinct)
    ranges = (below, above, below + above, zero, zero_delta)
    values: Values = _known(np.stack((null, null_delta, odd, odd_delta, *of_values, *ranges), axis=-1))
    return values


def _levels(reference: Side, current: Side, cut: Cut) -> Values:
    """In the order of `_LEVELS`."""
    with np.errstate(over="ignore", invalid="ignore"):
        means, shifts = current.means + cut.origins, current.means - reference.means
    values: Values = _known(np.column_stack((means, current.quantiles, shifts)))
    return values


def _known(values: Floats) -> Any:
    """Return nested lists of plain numbers, None for what is not a finite one."""
    finite = np.isfinite(values)
    if finite.all():
        return values.tolist()
    found = values.astype(np.object_)
    found[~finite] = None
    return found.tolist()


def _distances(
    family: str, column: str, values: list[float | None], tested: tuple[float | None, float | None]
) -> Iterator[Measure]:
    yield from _named(family, column, tuple(_ON_BINS), values)
    yield Measure(family=family, name="chi2", column=column, value=tested[0], p_value=tested[1])


def _named(family: str, column: str, names: tuple[str, ...], values: list[float | None]) -> Iterator[Measure]:
    for name, value in zip(names, values, strict=False):  # categories have fewer rates than numbers
        yield Measure(family=family, name=name, column=column, value=value)
