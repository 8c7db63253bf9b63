"""Baselines: the reference that windows are compared with, fitted once, named by its content."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from driftline.drift.joints import joints_of
from driftline.drift.sampling import mixed, sample_rows
from driftline.events import Baseline, BaselineColumn, BaselineErrors, ColumnKind, Monitor
from driftline.events.columns import LABEL, PREDICTION

Values = NDArray[np.generic] | Sequence[float | str | None]
Floats = NDArray[np.float64]

NULLS = ("", " ", "null", "NULL", "None", "NA", "N/A", "NaN", "nan", "#N/A")
"""Texts of a file that stand for no value."""
FINE_CELLS = 64
PSI_BINS = 10
MINIMUM_BIN = 20
"""Rows of the baseline that a PSI bin needs; smaller ones are merged (below it the chi-squared law of PSI is off)."""
_LARGEST_SAMPLED = 3e38
MAXIMUM_CATEGORIES = 200
"""Less frequent values beyond these are counted as unseen, in the baseline as in production."""

# Fine cells of each decile: 64 in all, the finer ones in the tails. Every decile border is an edge.
_CELLS_OF_DECILE = (7, 7, 6, 6, 6, 6, 6, 6, 7, 7)
_PSI_LEVELS = np.arange(1, PSI_BINS) / PSI_BINS


def fit_baseline(
    model_id: str,
    columns: Mapping[str, Values],
    kinds: Mapping[str, ColumnKind],
    *,
    event_times: NDArray[np.int64] | None = None,
    provenance: Mapping[str, str] | None = None,
    sampled: bool = False,
) -> Baseline:
    """Fit fine cells, PSI bins, categories, counts and moments of every column named in `kinds`.

    None (in a masked array: what is masked) is null and NaN is NaN: they have cells of their own, so say None for a
    missing value if producers send null. Of columns of times and texts it takes the numbers that `profile.readings` makes.
    `sampled`: keep some of the rows themselves, at most 500, for the multivariate tests of monitors that ask for one.
    A column may be empty, constant or all null. Raises ValueError, naming the column, for infinities, for text in a
    NUMERIC column or numbers in a CATEGORICAL one, for columns of different lengths and for one that is missing.
    """
    if missing := [name for name in kinds if name not in columns]:
        message = f"the data has no column {', '.join(missing)}"
        raise ValueError(message)
    lengths = {len(columns[name]) for name in kinds}
    if event_times is not None:
        lengths.add(len(event_times))
    if len(lengths) > 1:
        message = f"all columns must have as many rows as the event times; there are {sorted(lengths)}"
        raise ValueError(message)
    known_times = event_times is not None and len(event_times) > 0
    fitted = tuple(_fit_column(name, kind, columns[name]) for name, kind in kinds.items())
    baseline = Baseline(
        baseline_id="",
        model_id=model_id,
        rows=lengths.pop() if lengths else 0,
        event_from=int(event_times.min()) if known_times and event_times is not None else None,
        event_to=int(event_times.max()) if known_times and event_times is not None else None,
        columns=fitted,
        joints=joints_of(fitted, columns),
        errors=_errors(fitted, columns),
        provenance=dict(provenance or {}),
        sample=_sample(fitted, columns) if sampled else None,
    )
    return replace(baseline, baseline_id=baseline_id(baseline))


def with_metrics(baseline: Baseline, monitor: Monitor, columns: Mapping[str, Values]) -> Baseline:
    """The same with the values of a monitor's business metrics, which drift metrics compare with; `columns` as it was fitted on.

    Raises MetricRefused where a metric cannot be compiled.
    """
    if not monitor.metrics:
        return baseline
    from driftline.drift.profile.layout import program_of
    from driftline.drift.sqlmetrics.reference import of_rows

    program = program_of(monitor, baseline)
    assert program is not None
    counted = replace(baseline, metrics=of_rows(program, columns, baseline.rows))
    return replace(counted, baseline_id=baseline_id(counted))


def _errors(fitted: Sequence[BaselineColumn], columns: Mapping[str, Values]) -> tuple[BaselineErrors, ...]:
    """How large errors are, of a regression with outcomes. Imported there: it stands on measures, which fit baselines."""
    numeric = {column.name for column in fitted if column.kind is ColumnKind.NUMERIC}
    if not {PREDICTION, LABEL} <= numeric:
        return ()
    from driftline.drift.estimation.reference import errors_of

    return errors_of(fitted, columns)


def baseline_id(baseline: Baseline) -> str:
    """SHA-256 of the canonical content (the id itself left out), hex."""
    packed = {"sample": (baseline.sample or b"").hex(), "metrics": (baseline.metrics or b"").hex()}
    content = asdict(replace(baseline, baseline_id="")) | packed
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def sample_of(baseline: Baseline) -> NDArray[np.float32]:
    """The rows that a baseline kept, (n, columns of the baseline) as in a `Reservoir`; none if it was not asked to."""
    return np.frombuffer(baseline.sample or b"", "<f4").reshape(-1, max(1, len(baseline.columns)))


def _sample(fitted: Sequence[BaselineColumn], columns: Mapping[str, Values]) -> bytes:
    """Rows whose numbers have the smallest hashes, in the order of those."""
    rows = len(columns[fitted[0].name]) if fitted else 0
    chosen = np.argsort(mixed(np.arange(1, rows + 1, dtype=np.uint64)))[: sample_rows(len(fitted))]
    found = np.full((len(chosen), len(fitted)), np.nan, np.float32)
    for at, column in enumerate(fitted):
        values = columns[column.name]
        codes = {text: code for code, text in enumerate(column.categories)}
        for row, number in enumerate(chosen.tolist()):
            value = values[number]
            if value is None or value is np.ma.masked:
                continue
            if column.kind is ColumnKind.CATEGORICAL:
                found[row, at] = codes.get(_category(column.name, value) or "", len(codes))
            else:
                found[row, at] = np.clip(float(value) - column.origin, -_LARGEST_SAMPLED, _LARGEST_SAMPLED)
    return found.astype("<f4").tobytes()


def _fit_column(name: str, kind: ColumnKind, values: Values) -> BaselineColumn:
    return _fit_numbers(name, kind, values) if kind.numeric else _fit_categories(name, values)


def _fit_numbers(name: str, kind: ColumnKind, values: Values) -> BaselineColumn:
    nulls, numbers = _numbers(name, values)
    finite = np.sort(numbers[~np.isnan(numbers)])
    edges = _fine_edges(finite)
    inside = np.bincount(np.searchsorted(edges, finite, side="right"), minlength=len(edges) + 1)
    origin = float(finite[len(finite) // 2]) if len(finite) else 0.0
    with np.errstate(over="ignore"):  # values near the largest double: their moments are infinite, their counts are not
        about = finite - origin
        total, squares = float(about.sum()), float((about * about).sum())
    low, high = (float(finite[0]), float(finite[-1])) if len(finite) else (0.0, 0.0)
    return BaselineColumn(
        name=name,
        kind=kind,
        edges=tuple(edges.tolist()),
        psi_edges=tuple(_psi_edges(finite, edges, inside)),
        categories=(),
        counts=(nulls, len(numbers) - len(finite), 0, *inside.tolist(), 0),
        sums=(float(len(finite)), total, squares, low, high),
        origin=origin,
        zeros=int(np.count_nonzero(finite == 0)),
        distinct=len(np.unique(finite)),
    )


def _numbers(name: str, values: Values) -> tuple[int, Floats]:
    """Number of nulls, and everything else as float64."""
    given = values.compressed() if isinstance(values, np.ma.MaskedArray) else values
    array = given if isinstance(given, np.ndarray) and given.dtype != np.object_ else None
    present = [value for value in given if value is not None] if array is None else array
    if (array is not None and array.dtype.kind not in "fiub") or any(isinstance(value, str) for value in present):
        message = f"column {name!r} is NUMERIC but holds text; declare it CATEGORICAL or convert it"
        raise ValueError(message)
    numbers = np.asarray(present, dtype=np.float64)
    if infinite := int(np.isinf(numbers).sum()):
        message = f"column {name!r} holds {infinite} infinite values; production refuses them, so take them out"
        raise ValueError(message)
    return len(values) - len(numbers), numbers


def _cuts(finite: Floats, levels: Floats) -> Floats:
    """Inner edges at these quantiles, strictly ascending, none at the minimum.

    A value so frequent that several levels fall on it becomes a cell of its own: it gets an edge below and one above.
    """
    if not len(finite):
        return finite
    chosen = finite[np.minimum((levels * len(finite)).astype(np.int64), len(finite) - 1)]
    heavy, times = np.unique(chosen, return_counts=True)
    heavy = heavy[(times > 1) | (heavy == finite[0])]
    after = np.searchsorted(finite, heavy, side="right")
    edges = np.unique(np.concatenate((chosen, finite[after[after < len(finite)]])))
    inner: Floats = edges[edges > finite[0]]
    return inner


def _fine_edges(finite: Floats) -> Floats:
    distinct = np.unique(finite)
    if len(distinct) <= FINE_CELLS:
        return distinct[1:]
    levels = [(decile + cell / cells) / PSI_BINS for decile, cells in enumerate(_CELLS_OF_DECILE) for cell in range(cells)]
    return _cuts(finite, np.array(levels[1:]))


def _psi_edges(finite: Floats, edges: Floats, inside: NDArray[np.int64]) -> list[int]:
    """Indices of the fine edges that border PSI bins of at least MINIMUM_BIN rows of the baseline."""
    wanted = edges if len(np.unique(finite)) <= PSI_BINS else _cuts(finite, _PSI_LEVELS)
    below = np.concatenate(([0], np.cumsum(inside)))  # rows below each fine cell
    kept: list[int] = []
    rows = 0
    for index in np.searchsorted(edges, wanted).tolist():
        border = int(below[index + 1])
        if border - rows >= MINIMUM_BIN and len(finite) - border >= MINIMUM_BIN:
            kept.append(index)
            rows = border
    return kept


def _fit_categories(name: str, values: Values) -> BaselineColumn:
    counts = Counter(_category(name, value) for value in (values.tolist() if isinstance(values, np.ndarray) else values))
    nulls = counts.pop(None, 0)
    ranked = sorted(((text, n) for text, n in counts.items() if text is not None), key=lambda pair: (-pair[1], pair[0]))
    known, rest = ranked[:MAXIMUM_CATEGORIES], ranked[MAXIMUM_CATEGORIES:]
    return BaselineColumn(
        name=name,
        kind=ColumnKind.CATEGORICAL,
        edges=(),
        psi_edges=(),
        categories=tuple(text for text, _ in known),
        counts=(nulls, sum(n for _, n in rest), *(n for _, n in known)),
        sums=(),
        distinct=len(ranked),
    )


def _category(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    message = f"column {name!r} is CATEGORICAL but holds {value!r}; declare it NUMERIC or write its values as text"
    raise ValueError(message)
