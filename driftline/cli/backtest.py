"""`driftline backtest`: what would have alarmed, over files, without a broker."""

import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, Evenly, Outcome, run
from driftline.backtest.story import deciding, in_force, psi_summary, sentences
from driftline.backtest.telemetry import telemetry
from driftline.cli.console_output import Json, as_csv, print_json, print_table
from driftline.cli.inputs import names, text_of
from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows.rows import DRIFT_METRICS, PROFILE_METRICS, drift_metrics, profile_metrics
from driftline.drift.windows.versions import HEAD, VersionInWindow, side_by_side
from driftline.envelope import moment_of
from driftline.errors import ConfigurationError
from driftline.events import WindowReport
from driftline.governance.periods import parse_duration


def backtest(
    data: Annotated[Path, typer.Argument(help="CSV file with a header line, or Parquet: one row for each prediction.")],
    reference: Annotated[Path, typer.Option(help="File of the same columns that is the standard, such as the training data.")],
    *,
    time: Annotated[str | None, typer.Option(help="Column with the event time.")] = None,
    every: Annotated[str | None, typer.Option(help='Without a time column: how far apart rows are, "30 minutes".')] = None,
    start: Annotated[str, typer.Option(help="With --every: time of the first row.")] = "2000-01-01T00:00:00Z",
    monitor: Annotated[Path | None, typer.Option(help="Definition of a monitor; without it one is inferred.")] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with the predicted class or value.")] = None,
    score: Annotated[str | None, typer.Option(help="Column with the probability of the positive class.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the true outcome.")] = None,
    label_time: Annotated[str | None, typer.Option(help="Column with the time at which the outcome was known.")] = None,
    positive: Annotated[str | None, typer.Option(help="Class that the score is the probability of.")] = None,
    version: Annotated[str | None, typer.Option(help="Column with the model version.")] = None,
    categorical: Annotated[str, typer.Option(help="Columns of numbers to count by value, separated by commas.")] = "",
    timestamps: Annotated[str, typer.Option(help="Columns of times to count by age; in Parquet they are seen.")] = "",
    texts: Annotated[str, typer.Option(help="Columns of text to count by length, separated by commas.")] = "",
    ignore: Annotated[str, typer.Option(help="Columns to leave out, separated by commas.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("backtest"),
    as_json: Json = False,
) -> None:
    """Say what Driftline would have found in DATA, measured against a reference; exit 1 if something would have alarmed.

    Writes report.html, windows.jsonl, profile_metrics.csv, drift_metrics.csv, psi_summary.csv, telemetry.json and monitor.yaml to a folder.
    """
    roles = Roles(time, prediction, score, label, label_time, version, *map(names, (categorical, timestamps, texts, ignore)))
    evenly = None if every is None else Evenly(_moment(start), _duration(every))
    definition = None if monitor is None else text_of(monitor)
    asked = Backtest(data, reference, roles, evenly, definition, positive)
    with _progress() as bar:
        task = bar.add_task("reading", total=1.0) if bar is not None else None

        def told(what: str, share: float) -> None:
            if bar is not None and task is not None:
                bar.update(task, description=what, completed=share)

        outcome = run(asked, told)
    _write(outcome, out, f"{data.name} against {reference.name}")
    if as_json:
        print_json(_summary(outcome, out))
    else:
        for sentence in sentences(outcome.findings, outcome.monitor, outcome.harms):
            typer.echo(sentence)
        typer.echo("\n" + "\n".join(in_force(outcome.findings, outcome.monitor, outcome.baseline)))
        _tell_alternatives(outcome)
        if versions := _versions(outcome):
            typer.echo("\nVersions in the same windows, each against the one with most rows")
            print_table(HEAD, (one.cells() for one in versions))
        typer.echo(f"\nThe report is {out / 'report.html'}; the monitor in force is {out / 'monitor.yaml'}.")
    raise typer.Exit(1 if outcome.findings.alarms else 0)


def _write(outcome: Outcome, out: Path, title: str) -> None:
    reports = sorted(outcome.findings.windows.values(), key=lambda found: (found.start, found.end, found.slice))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / "windows.jsonl").open("w", encoding="utf-8") as file:
            for report in reports:
                file.write(json.dumps(_plain(report), ensure_ascii=False) + "\n")
        profiles = (row for report in reports for row in profile_metrics(report, outcome.layout))
        (out / f"{PROFILE_METRICS}.csv").write_text(as_csv(profiles), encoding="utf-8")
        drifts = (row for report in reports for row in drift_metrics(report))
        (out / f"{DRIFT_METRICS}.csv").write_text(as_csv(drifts), encoding="utf-8")
        (out / "psi_summary.csv").write_text(as_csv(psi_summary(deciding(outcome.findings, outcome.monitor))), encoding="utf-8")
        found = telemetry(deciding(outcome.findings, outcome.monitor), outcome.monitor, outcome.baseline)
        (out / "telemetry.json").write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        (out / "monitor.yaml").write_text(outcome.document, encoding="utf-8")
        (out / "report.html").write_text(render(outcome, title), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {out}: {error.strerror}; name another folder with --out") from error


def _plain(report: WindowReport) -> dict[str, Any]:
    """A report as JSON has it: bytes in hexadecimal."""
    return {name: _readable(value) for name, value in asdict(report).items()}


def _readable(value: object) -> object:
    """Bytes as hex, wherever they are."""
    if isinstance(value, dict):
        return {name: _readable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def _versions(outcome: Outcome) -> list[VersionInWindow]:
    """The versions of the file side by side, in the windows that alarm."""
    reports = outcome.findings.windows.values()
    chosen = (report for report in reports if report.granularity == outcome.monitor.alert_on and report.slice == ALL_ROWS)
    return side_by_side(chosen, lambda _: outcome.layout)


def _summary(outcome: Outcome, out: Path) -> dict[str, Any]:
    return {
        "rows": outcome.rows,
        "labels": outcome.labels,
        "windows": len(outcome.findings.windows),
        "windows_decided": len(deciding(outcome.findings, outcome.monitor)),
        "alarms": [asdict(event) for event in outcome.findings.alarms],
        "in_force": in_force(outcome.findings, outcome.monitor, outcome.baseline),
        "harms": [asdict(each) | {"verdict": each.verdict} for each in outcome.harms],
        "alternatives": [asdict(each) for each in outcome.alternatives],
        "versions": [one.plain() for one in _versions(outcome)],
        "notes": list(outcome.notes),
        "folder": str(out),
    }


def _tell_alternatives(outcome: Outcome) -> None:
    """A small table: alarms by false pages a month and by PSI."""
    if not outcome.alternatives:
        return
    shifts = dict.fromkeys(each.tolerance.psi for each in outcome.alternatives)
    if outcome.monitor.references:
        typer.echo("\nThe windows of the past left aside:", nl=False)
    typer.echo("\nAlarms under other tolerances".ljust(34) + "".join(f"PSI > {psi:g}".rjust(12) for psi in shifts))
    for pages in dict.fromkeys(each.tolerance.false_pages for each in outcome.alternatives):
        alarms = [each.alarms for each in outcome.alternatives if each.tolerance.false_pages == pages]
        typer.echo(
            f"at most {pages:g} false page{'s' * (pages != 1)} a month".ljust(33) + "".join(f"{count:12,}" for count in alarms)
        )


def _progress() -> "Progress | nullcontext[None]":
    if not sys.stderr.isatty():
        return nullcontext()
    columns = (TextColumn("{task.description:<22}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _duration(text: str) -> int:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(f"--every: {error}") from error
    if length <= 0:
        raise ConfigurationError("--every must be longer than nothing")
    return length


def _moment(text: str) -> int:
    try:
        return moment_of(text)
    except ValueError as error:
        raise ConfigurationError(f"--start: {error}") from error
