"""`driftline baseline`: fit the reference from a file and publish it."""

import csv
import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from driftline.cli.inputs import names, text_of
from driftline.cli.publishing import publish_once
from driftline.drift.ages import ages, instant
from driftline.drift.baseline import NULLS, Values, fit_baseline, with_metrics
from driftline.envelope import Envelope, moment_of, time_of
from driftline.errors import ConfigurationError
from driftline.events import Baseline, ColumnKind, Monitor
from driftline.events.columns import LABEL, PREDICTION, SCORE
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Cluster
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)

_FEW_VALUES = 2


@app.callback()
def _baseline() -> None:
    """Fit the reference that windows are compared with."""


@app.command()
def fit(
    file: Annotated[Path, typer.Argument(help="CSV file with a header line, one row per prediction.")],
    model: Annotated[str, typer.Option(help="Model that the baseline is for.")],
    prediction: Annotated[str | None, typer.Option(help="Column with the predicted class or value.")] = None,
    score: Annotated[str | None, typer.Option(help="Column with the probability of the positive class.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the true outcome, for drift of the outcomes.")] = None,
    time: Annotated[str | None, typer.Option(help="Column with the event time (RFC 3339).")] = None,
    categorical: Annotated[str, typer.Option(help="Columns to count by value, separated by commas.")] = "",
    timestamps: Annotated[str, typer.Option(help="Columns of times to count by age, beside those that look so.")] = "",
    texts: Annotated[str, typer.Option(help="Columns of text to count by length, separated by commas.")] = "",
    ignore: Annotated[str, typer.Option(help="Columns to leave out, separated by commas.")] = "",
    sample: Annotated[
        bool, typer.Option(help="Keep some rows (500 at most) for multivariate tests; they are published.")
    ] = False,
    monitor: Annotated[
        Path | None, typer.Option(help="Definition whose business metrics are to be compared with this baseline.")
    ] = None,
    publish: Annotated[bool, typer.Option(help="Send it to the topic baselines.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Fit a baseline from FILE and publish it; prints its id, which a monitor names."""
    baseline = fit_file(
        file,
        model=model,
        prediction=prediction,
        score=score,
        label=label,
        time=time,
        categorical=names(categorical),
        timestamps=names(timestamps),
        texts=names(texts),
        ignore=names(ignore),
        sampled=sample,
        monitor=None if monitor is None else text_of(monitor),
    )
    sent = publish and publish_baseline(ConfluentCluster.from_environment(), baseline)
    if as_json:
        columns = {column.name: column.kind.value for column in baseline.columns}
        summary = {"baseline_id": baseline.baseline_id, "rows": baseline.rows, "columns": columns, "published": publish}
        typer.echo(json.dumps(summary))
        return
    known = ", published before" if publish and not sent else ""
    typer.echo(f"{baseline.baseline_id}  {amount(baseline.rows, 'row')}, {amount(len(baseline.columns), 'column')}{known}")


def fit_file(
    file: Path,
    *,
    model: str,
    prediction: str | None = None,
    score: str | None = None,
    label: str | None = None,
    time: str | None = None,
    categorical: Collection[str] = (),
    timestamps: Collection[str] = (),
    texts: Collection[str] = (),
    ignore: Collection[str] = (),
    sampled: bool = False,
    monitor: str | None = None,
) -> Baseline:
    """The baseline of a CSV file, with the business metrics of a monitor's definition if one is given.

    Raises ConfigurationError naming the file, column or value at fault, and DefinitionRefused.
    """
    table = _read(file)
    for name in (prediction, score, label, time, *categorical, *timestamps, *texts, *ignore):
        if name is not None and name not in table:
            message = f"{file} has no column {name!r}; it has {', '.join(table)}"
            raise ConfigurationError(message)
    times = None if time is None else _times(table.pop(time), file, time)
    renamed = {prediction: PREDICTION, score: SCORE, label: LABEL}
    kept = {renamed.get(name, name): column for name, column in table.items() if name not in ignore}
    said = dict.fromkeys(categorical, ColumnKind.CATEGORICAL) | dict.fromkeys(texts, ColumnKind.TEXT_LENGTH)
    said |= dict.fromkeys(timestamps, ColumnKind.TIMESTAMP)
    kinds = {name: said.get(name) or _seen(column, timed=times is not None) for name, column in kept.items()}
    if times is None and (aged := [name for name, kind in kinds.items() if kind is ColumnKind.TIMESTAMP]):
        message = (
            f"{', '.join(aged)}: a time is counted by its age at the event; say which column holds the event time (--time)"
        )
        raise ConfigurationError(message)
    columns = {name: _values(column, kinds[name], times) for name, column in kept.items()}
    provenance = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    try:
        baseline = fit_baseline(model, columns, kinds, event_times=times, provenance=provenance, sampled=sampled)
    except ValueError as error:
        message = f"{file}: {error}"
        raise ConfigurationError(message) from error
    return baseline if monitor is None else with_metrics(baseline, _monitor(monitor, baseline), columns)


def _monitor(definition: str, baseline: Baseline) -> Monitor:
    from driftline.backtest.definition import parsed

    return parsed(definition, baseline).monitor


def publish_baseline(cluster: Cluster, baseline: Baseline) -> bool:
    """Send a baseline to its topic, unless it is there, and wait for the broker; returns whether it was sent.

    Raises Unavailable when the broker does not acknowledge.
    """
    envelope = Envelope(
        id=baseline.baseline_id,
        type="Baseline",
        source="/cli",
        time_us=baseline.event_to or 0,
        subject=baseline.model_id,
    )
    return publish_once(cluster, "baselines", baseline, key=baseline.baseline_id, envelope=envelope)


def _read(file: Path) -> dict[str, list[str]]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.reader(lines))
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise ConfigurationError(message) from error
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{file} is no CSV file in UTF-8: {error}"
        raise ConfigurationError(message) from error
    if len(rows) < _FEW_VALUES:
        message = f"{file} needs a header line and at least one row"
        raise ConfigurationError(message)
    header = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            message = f"{file} line {number} has {amount(len(row), 'field')} where the header has {len(header)}"
            raise ConfigurationError(message)
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def _times(texts: list[str], file: Path, column: str) -> NDArray[np.int64]:
    try:
        return np.array([time_of(text) for text in texts], dtype=np.int64)
    except ValueError as error:
        message = f"{file}, column {column!r}: {error}"
        raise ConfigurationError(message) from error


def _seen(texts: list[str], *, timed: bool) -> ColumnKind:
    """The kind that a column seems to be; times only where they have an age."""
    present = [text for text in texts if text not in NULLS]
    if _all_are(float, present):
        return ColumnKind.NUMERIC
    return ColumnKind.TIMESTAMP if timed and _all_are(moment_of, present) else ColumnKind.CATEGORICAL


def _all_are(read: Callable[[str], object], texts: list[str]) -> bool:
    try:
        for text in texts:
            read(text)
    except ValueError:
        return False
    return bool(texts)


def _values(texts: list[str], kind: ColumnKind, times: NDArray[np.int64] | None) -> Values:
    if kind is ColumnKind.CATEGORICAL:
        return [None if text in NULLS else text for text in texts]
    if kind is ColumnKind.NUMERIC:
        return [None if text in NULLS else float(text) for text in texts]
    null = [text in NULLS for text in texts]
    if kind is ColumnKind.TEXT_LENGTH:
        return np.ma.MaskedArray([float(len(text)) for text in texts], null)
    assert times is not None  # asked for above
    return np.ma.MaskedArray(ages(np.array([instant(text) for text in texts]), times), null)
