"""Data frames in a notebook: the same profiles and measures as in production, with tables to look at.

    import driftline

    driftline.profile(train)
    driftline.compare(train, last_week)

A frame is a pandas or polars DataFrame, an Arrow table, or a mapping of names to arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.backtest.columns import counted, times_us
from driftline.backtest.definition import parsed
from driftline.backtest.reference import values_of
from driftline.backtest.roles import dated
from driftline.backtest.table import plain
from driftline.drift.baseline import fit_baseline
from driftline.drift.detectors.multivariate import TESTS, tested
from driftline.drift.detectors.seeds import seed_of
from driftline.drift.levels import SIGNIFICANT, Level, level_of
from driftline.drift.measures import inputs
from driftline.drift.profile import Layout, Profile, Reservoir, Sampler, profile_rows
from driftline.drift.sampling import sample_rows
from driftline.drift.thresholds import check
from driftline.errors import ConfigurationError
from driftline.events import Baseline, ColumnKind, Direction, Measure, Part, Threshold
from driftline.wording import amount

__all__ = ["Comparison", "FrameProfile", "compare", "detector", "profile"]

_OF_A_PROFILE = ("null_rate", "nan_rate", "mean", "p05", "p50", "p95")
_OF_A_COMPARISON = ("psi", "js", "ks", "null_rate_delta", "mean_delta", "unseen_rate")


@dataclass(frozen=True, slots=True)
class FrameProfile:
    """What a frame looks like, column by column."""

    rows: int
    baseline: Baseline
    """What a monitor would compare with."""
    measures: tuple[Measure, ...]
    left_out: tuple[str, ...] = ()
    """Columns of times that have no age, which are not profiled."""

    def table(self) -> list[dict[str, Any]]:
        """One row for each column, for `pandas.DataFrame(...)`."""
        found = _by_column(self.measures, _OF_A_PROFILE)
        return [{"column": c.name, "kind": c.kind.value.lower(), **found.get(c.name, {})} for c in self.baseline.columns]

    def _repr_html_(self) -> str:
        return _html(self.table(), amount(self.rows, "row", form=","))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a frame is from a reference."""

    reference: FrameProfile
    rows: int
    measures: tuple[Measure, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns beyond PSI 0.25, the one that moved furthest first."""
        return tuple(row["column"] for row in self.table() if row.get("level") == Level.SIGNIFICANT.value)

    def value(self, column: str, measure: str) -> float | None:
        """One measure of a column. Raises KeyError for one that there is not."""
        for found in self.measures:
            if (found.column, found.name) == (column, measure):
                return found.value
        raise KeyError(f"there is no {measure} of {column}")

    def table(self) -> list[dict[str, Any]]:
        """One row for each column, the one that moved furthest first, for `pandas.DataFrame(...)`."""
        found = _by_column(self.measures, _OF_A_COMPARISON)
        rows = [{"column": name, "level": _level(values.get("psi")), **values} for name, values in found.items()]
        return sorted(rows, key=lambda row: -(row.get("psi") or 0.0))

    def _repr_html_(self) -> str:
        return _html(self.table(), f"{amount(self.rows, 'row', form=',')} against {self.reference.rows:,}")


@dataclass(frozen=True, slots=True)
class _Roles:
    """What the caller says of columns."""

    categorical: Sequence[str]
    texts: Sequence[str] = ()
    time: str | None = None


def profile(frame: Any, *, categorical: Sequence[str] = (), texts: Sequence[str] = (), time: str | None = None) -> FrameProfile:
    """Profile a frame; `categorical` names columns of numbers to count by value, `texts` those to count by length.

    `time`: the column with the event time, at which the age of other times is taken; without it they are left out. Raises
    ConfigurationError.
    """
    return _profiled(_table(frame), _Roles(categorical, texts, time))[0]


def compare(
    reference: Any,
    current: Any,
    *,
    categorical: Sequence[str] = (),
    texts: Sequence[str] = (),
    time: str | None = None,
    multivariate: str | None = None,
) -> Comparison:
    """Measure a frame against a reference, on the columns that both have, in the bins of the reference; columns as in `profile`.

    `multivariate`: domain_classifier or mmd, a test of all columns together on 500 rows of each frame; its measure has no
    column. Raises ConfigurationError where a column is a number in one frame and text in the other, and for infinite values.
    """
    known, given = _table(reference), _table(current)
    common = [name for name in known.column_names if name in given.column_names]
    if not common:
        raise ConfigurationError(f"the frames have no column in common: {known.column_names} and {given.column_names}")
    roles = _Roles(categorical, texts, time)
    found, layout = _profiled(known.select(common), roles)
    counted = _counted(given, layout, found.baseline, time)
    measures = _measured(layout, found.baseline, counted)
    if multivariate is not None:
        measures = (*measures, _together(multivariate, _columns(given, found.baseline, time), layout, found.baseline))
    return Comparison(found, given.num_rows, measures)


def detector(
    reference: Any, *, limits: Mapping[str, float] | None = None, columns: Sequence[str] = (), categorical: Sequence[str] = ()
) -> Callable[[Any], tuple[Measure, ...]]:
    """Return a function that measures a frame against a reference, as `compare` does, and holds it to limits.

    `limits`: largest value by measure, such as {"psi": 0.25}, the default; `columns`: only these. What it gives is what
    `driftline.drift.scheduling.Scheduler` takes. Raises ConfigurationError as `compare`, and for a measure that is unknown.
    """
    held = {"psi": SIGNIFICANT} if limits is None else dict(limits)
    known = _table(reference)
    if missing := sorted({*columns} - {*known.column_names}):
        raise ConfigurationError(f"the reference has no column {', '.join(missing)}")
    found, layout = _profiled(known.select(columns) if columns else known, _Roles(categorical))
    if unknown := sorted({*held} - {measure.name for measure in found.measures}):
        raise ConfigurationError(f"there is no measure {', '.join(unknown)}; see driftline.compare(a, b).measures")
    thresholds = [
        Threshold(family="feature", measure=name, limit=limit, direction=Direction.ABOVE) for name, limit in held.items()
    ]

    def detect(frame: Any) -> tuple[Measure, ...]:
        counted = _counted(_table(frame), layout, found.baseline, None)
        unchecked = [replace(measure, limit=None, violated=False) for measure in _measured(layout, found.baseline, counted)]
        return check(unchecked, thresholds)

    return detect


def _profiled(table: pa.Table, roles: _Roles) -> tuple[FrameProfile, Layout]:
    kinds = {name: kind for name in table.column_names if (kind := _kind(table, name, roles)) is not None}
    kept, times = list(kinds), tuple(name for name in table.column_names if name not in kinds)
    if not kept or not table.num_rows:
        raise ConfigurationError("the frame has no rows, or no column but times; there is nothing to profile")
    event_time, rows = _event_times(table, roles.time), np.arange(table.num_rows)
    columns = {name: values_of(_array(table, name, kind), kind, event_time, rows) for name, kind in kinds.items()}
    try:
        baseline = fit_baseline("frame", columns, kinds, sampled=True)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    layout = Layout.of(_monitor(baseline), baseline)
    measures = _measured(layout, baseline, _counted(table, layout, baseline, roles.time))
    return FrameProfile(table.num_rows, baseline, measures, times), layout


def _together(name: str, columns: Mapping[str, Column], layout: Layout, baseline: Baseline) -> Measure:
    if name not in TESTS:
        raise ConfigurationError(f"there is no test {name!r} of all columns together; there are {' and '.join(TESTS)}")
    sampled = replace(layout, sample_rows=sample_rows(len(layout.blocks)))
    sampler, rows = Sampler(sampled), np.arange(len(next(iter(columns.values()))))
    nothing = np.zeros(len(rows), np.int64)
    sampler.add(nothing.astype(np.uint64), nothing, columns, rows, rows.astype(np.uint64))
    found = (Reservoir.decode(sampled.sample_rows, len(layout.blocks), pane.cells) for _, pane in sampler.take())
    sample = Reservoir.total(sampled.sample_rows, len(layout.blocks), found)
    return tested(name, layout, baseline, sample, seed=seed_of("frame"))


def _counted(table: pa.Table, layout: Layout, baseline: Baseline, time: str | None) -> Profile:
    columns = _columns(table, baseline, time)
    found = profile_rows(layout, np.zeros(table.num_rows, np.int64), columns)
    return found.get(0) or Profile.zero(layout.shape(Part.INPUTS))


def _event_times(table: pa.Table, time: str | None) -> NDArray[np.int64]:
    if time is None:
        return np.zeros(table.num_rows, np.int64)
    if time not in table.column_names:
        raise ConfigurationError(f"the frame has no column {time!r}; it has {', '.join(table.column_names)}")
    found, known = times_us(table.column(time).combine_chunks(), time)
    if not known.all():
        raise ConfigurationError(f"column {time!r} has no time in {amount(int((~known).sum()), 'row')}; leave those out")
    return found


def _columns(table: pa.Table, baseline: Baseline, time: str | None) -> dict[str, Column]:
    columns, event_time = {}, _event_times(table, time)
    for column in baseline.columns:
        columns[column.name] = counted(_array(table, column.name, column.kind), column.kind, event_time)
        reals = columns[column.name].reals
        if reals is not None and np.isinf(reals).any():
            raise ConfigurationError(f"column {column.name!r} holds infinite values; production refuses them, so take them out")
    return columns


def _measured(layout: Layout, baseline: Baseline, counted: Profile) -> tuple[Measure, ...]:
    return inputs(layout, baseline, _monitor(baseline), counted)


def _monitor(baseline: Baseline) -> Any:
    content = {
        "model": "frame",
        "task": "multiclass",
        "baseline": baseline.baseline_id,
        "labels": False,
        "granularities": ["1 hour"],
        "columns": {column.name: column.kind.value.lower() for column in baseline.columns},
    }
    return parsed(yaml.safe_dump(content), baseline).monitor


def _table(frame: Any) -> pa.Table:
    try:
        if isinstance(frame, pa.Table):
            return frame
        if isinstance(frame, Mapping):
            return pa.table({str(name): _arrow(values) for name, values in frame.items()})
        if hasattr(frame, "to_arrow"):
            return frame.to_arrow()
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"this is no data frame ({error}); give a pandas or polars DataFrame, or a dict of arrays"
        ) from error


def _arrow(values: Any) -> pa.Array:
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)


def _kind(table: pa.Table, name: str, roles: _Roles) -> ColumnKind | None:
    """How a column is counted; None for the event time, and for times that have no age."""
    stored = table.schema.field(name).type
    if name == roles.time or (pa.types.is_temporal(stored) and (roles.time is None or not dated(stored))):
        return None
    if pa.types.is_temporal(stored):
        return ColumnKind.TIMESTAMP
    if name in roles.texts:
        return ColumnKind.TEXT_LENGTH
    number = name not in roles.categorical and pa.types.is_floating(plain(stored))
    return ColumnKind.NUMERIC if number else ColumnKind.CATEGORICAL


def _array(table: pa.Table, name: str, kind: ColumnKind) -> pa.Array:
    array = table.column(name).combine_chunks()
    if kind is ColumnKind.TIMESTAMP and (pa.types.is_temporal(array.type) or pa.types.is_string(array.type)):
        return array
    try:
        return array.cast(pa.float64() if kind in {ColumnKind.NUMERIC, ColumnKind.TIMESTAMP} else pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigurationError(f"column {name!r} is {array.type} here but {kind.value.lower()} in the reference") from error


def _level(psi: float | None) -> str | None:
    return None if psi is None else level_of(psi).value


def _by_column(measures: Sequence[Measure], names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for measure in measures:
        if measure.column is not None and measure.name in names:
            found.setdefault(measure.column, {})[measure.name] = measure.value
    return found


def _html(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(_cells(row, names))}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = row.get(name)
        yield f"<td>{'' if value is None else f'{value:.4g}' if isinstance(value, float) else escape(str(value))}</td>"
