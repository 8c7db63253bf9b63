"""The reference file as a baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline.backtest.columns import Integers, counted, times_us
from driftline.backtest.roles import Roles
from driftline.backtest.table import Table
from driftline.drift.baseline import Values, fit_baseline
from driftline.errors import ConfigurationError
from driftline.events import Baseline, ColumnKind
from driftline.events.columns import LABEL

__all__ = ["MAXIMUM_ROWS", "Reference", "fit_reference", "values_of", "with_classes"]

MAXIMUM_ROWS = 1_000_000
"""Of a longer reference every second row is fitted, or every fourth, and so on."""
_FEW = 10
"""Distinct whole numbers that are taken for classes."""
_TYPES = {
    ColumnKind.NUMERIC: pa.float64(),
    ColumnKind.CATEGORICAL: pa.string(),
    ColumnKind.TEXT_LENGTH: pa.string(),
}
_IDENTIFIER = 0.9
"""Distinct values by rows, beyond which a column of text tells rows apart; also how much of prose has a space."""
_IDENTIFIER_ROWS = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference file says."""

    baseline: Baseline
    kinds: Mapping[str, pa.DataType]
    """How each column is to be read, here and in the data."""
    roles: Roles
    notes: tuple[str, ...] = field(default=())
    values: Mapping[str, Values] = field(default_factory=dict)
    """The columns that it was fitted on, by the names that a monitor has for them."""


def with_classes(table: Table, roles: Roles) -> Roles:
    """Count predictions and outcomes by value where the head of the file has but a few whole numbers of them."""
    asked = [name for name in (roles.prediction, roles.label) if name is not None and pa.types.is_floating(table.columns[name])]
    if not asked:
        return roles
    batch, _ = next(table.batches({name: pa.float64() for name in asked}), (None, 1.0))
    few = [name for name in asked if batch is not None and _few_whole(pc.drop_null(pc.unique(batch.column(name))))]
    return replace(roles, categorical=(*roles.categorical, *few)) if len(few) == len(asked) else roles


def _few_whole(values: pa.Array) -> bool:
    return len(values) <= _FEW and bool(pc.all(pc.equal(pc.round(values), values)).as_py())


def read_kinds(table: Table, roles: Roles) -> dict[str, pa.DataType]:
    """The type that each column in use is read as."""
    kinds: dict[str, pa.DataType] = {}
    for name, kind in roles.watched(table.columns).values():
        kinds[name] = table.moments(name) if kind is ColumnKind.TIMESTAMP else _TYPES[kind]
    if roles.label is not None:
        kinds[roles.label] = pa.string() if kinds.get(roles.prediction or "") != pa.float64() else pa.float64()
    for moment in (roles.time, roles.label_time):
        if moment is not None and moment in table.columns:
            kinds[moment] = table.columns[moment]
    if roles.version is not None and roles.version in table.columns:
        kinds[roles.version] = pa.string()
    return kinds


def fit_reference(table: Table, roles: Roles, model: str) -> Reference:
    """Fit the baseline; columns of text with (nearly) as many values as rows are identifiers and left out."""
    kinds = read_kinds(table, roles)
    columns, stride = _columns(table, kinds)
    rows = len(next(iter(columns.values()))) if columns else 0
    if not rows:
        raise ConfigurationError(f"{table.path} has a header but no rows; the reference needs some hundreds at least")
    roles, identifiers, prose = _without_identifiers(roles, columns, kinds, rows)
    wanted = roles.watched(kinds)
    if roles.label is not None:
        wanted[LABEL] = (roles.label, roles.kind_of(roles.label, kinds))
    notes = []
    if identifiers:
        notes.append(f"left out, because nearly every row has a value of its own: {', '.join(identifiers)}")
    if prose:
        notes.append(f"watched by the length of its text: {', '.join(prose)}")
    constant = [name for name in roles.features if pc.count_distinct(columns[name]).as_py() == 1]
    if constant:
        notes.append(f"the same in every row of the reference, so that any other value is drift: {', '.join(constant)}")
    if stride > 1:
        notes.append(f"the reference is long: every {stride}th row of it was fitted, {rows:,} in all")
    times, known = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    if roles.time is not None and roles.time in columns:
        times, known = times_us(columns[roles.time], roles.time)
    provenance = {"file": table.path.name, "sha256": _digest(table), "stride": str(stride)}
    timed = np.flatnonzero(known)
    values = {name: values_of(columns[column], kind, times, timed) for name, (column, kind) in wanted.items()}
    sorts = {name: kind for name, (_, kind) in wanted.items()}
    try:
        baseline = fit_baseline(
            model, values, sorts, event_times=times if known.all() else None, provenance=provenance, sampled=True
        )
    except ValueError as error:
        raise ConfigurationError(f"{table.path}: {error}") from error
    return Reference(baseline, kinds, roles, tuple(notes), values)


def _columns(table: Table, kinds: Mapping[str, pa.DataType]) -> tuple[dict[str, pa.Array], int]:
    kept: list[pa.RecordBatch] = []
    rows, seen, stride = 0, 0, 1
    for batch, _ in table.batches(kinds):
        chosen = np.arange(-seen % stride, batch.num_rows, stride)
        kept.append(batch if stride == 1 else batch.take(pa.array(chosen)))
        rows, seen = rows + len(chosen), seen + batch.num_rows
        while rows > MAXIMUM_ROWS:
            whole = pa.Table.from_batches(kept).combine_chunks().to_batches()
            kept = [piece.take(pa.array(np.arange(0, piece.num_rows, 2))) for piece in whole]
            stride, rows = 2 * stride, sum(piece.num_rows for piece in kept)
    if not kept:
        return {}, stride
    joined = pa.Table.from_batches(kept)
    return {name: pa.concat_arrays(joined.column(name).chunks) for name in joined.column_names}, stride


def _without_identifiers(
    roles: Roles, columns: Mapping[str, pa.Array], kinds: Mapping[str, pa.DataType], rows: int
) -> tuple[Roles, list[str], list[str]]:
    """Roles, names of the columns that were taken out, and of those of prose, which are counted by length."""
    if rows < _IDENTIFIER_ROWS:
        return roles, [], []
    found = [
        name
        for name in roles.features
        if roles.kind_of(name, kinds) is ColumnKind.CATEGORICAL
        and name not in roles.categorical
        and pc.count_distinct(columns[name]).as_py() > _IDENTIFIER * rows
    ]
    prose = [name for name in found if pc.mean(pc.match_substring(columns[name], " ")).as_py() > _IDENTIFIER]
    found = [name for name in found if name not in prose]
    kept = tuple(name for name in roles.features if name not in found)
    return replace(roles, features=kept, texts=(*roles.texts, *prose)), found, prose


def values_of(array: pa.Array, kind: ColumnKind, event_time: Integers, rows: Integers) -> Values:
    """A column as `fit_baseline` takes it; null stays null. A time is null but in the rows (indices) whose event has one."""
    if kind in {ColumnKind.TIMESTAMP, ColumnKind.TEXT_LENGTH}:
        column = counted(array, kind, event_time, rows if kind is ColumnKind.TIMESTAMP else None)
        return np.ma.MaskedArray(column.numbers(), ~column.valid)
    if kind is ColumnKind.CATEGORICAL:
        texts: list[float | str | None] = array.cast(pa.string()).to_pylist()
        return texts
    null = array.is_null().to_numpy(zero_copy_only=False)
    return np.ma.MaskedArray(pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False), null)


def _digest(table: Table) -> str:
    with table.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
