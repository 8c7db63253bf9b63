"""`driftline windows`: windows as rows of tables, and the versions of a model side by side."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline import codec, topics
from driftline.cli.console_output import Bootstrap, Json, as_csv, cluster, print_json, print_table
from driftline.cli.reading import read_all
from driftline.drift.comprehensive import comprehensive
from driftline.drift.profile import Layout
from driftline.drift.risk import Severity
from driftline.drift.windows.rows import drift_metrics, profile_metrics
from driftline.drift.windows.versions import HEAD, side_by_side
from driftline.envelope import moment_of
from driftline.errors import ConfigurationError
from driftline.events import Reference, WindowReport
from driftline.governance.naming import table_of
from driftline.kafka.ports import Cluster
from driftline.runtime.catalogue import Catalogue

app = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="Id of the model.")]
Granularity = Annotated[str | None, typer.Option(help='Only windows of this granularity, such as "1 day".')]
Since = Annotated[
    str | None, typer.Option("--from", help="Only windows that begin at this time or later, such as 2026-03-01 (UTC).")
]
Until = Annotated[str | None, typer.Option("--to", help="Only windows that begin before this time.")]


class Table(StrEnum):
    """What is exported."""

    PROFILE_METRICS = "profile_metrics"
    DRIFT_METRICS = "drift_metrics"


@app.callback()
def _windows() -> None:
    """Export windows as rows of tables, and see the versions of a model side by side."""


@app.command()
def export(
    model: Model,
    *,
    table: Annotated[
        Table, typer.Option(help="What a window has, or how far it is from what it is compared with.")
    ] = Table.DRIFT_METRICS,
    granularity: Granularity = None,
    since: Since = None,
    until: Until = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write CSV to, or a folder: the file is named as the table is. Without it, CSV is printed."),
    ] = None,
    schema: Annotated[str | None, typer.Option(help="In a folder: schema of the table, else the model's own.")] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Export the last revision of each window as rows, with the column names of lakehouse monitors."""
    kafka = cluster(bootstrap)
    found = last_revisions(kafka, model, granularity, since, until)
    rows = (
        _profiles(kafka, model, found)
        if table is Table.PROFILE_METRICS
        else [row for one in found for row in drift_metrics(one)]
    )
    if as_json:
        print_json(rows)
    elif out is None:
        typer.echo(as_csv(rows), nl=False)
    else:
        out = out / f"{table_of(model, table.value, schema)}.csv" if out.is_dir() else out
        try:
            out.write_text(as_csv(rows), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"cannot write to {out}: {error.strerror}; name another file with --out") from error


@app.command()
def versions(
    model: Model,
    *,
    granularity: Granularity = None,
    since: Since = None,
    until: Until = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Compare the versions of a model in the windows that several of them have; each with the one that has most rows."""
    kafka = cluster(bootstrap)
    layout_of = _layouts(kafka, model)
    found = side_by_side(last_revisions(kafka, model, granularity, since, until), layout_of)
    if as_json:
        print_json([one.plain() for one in found])
        return
    print_table(HEAD, (one.cells() for one in found))


@app.command()
def drift(
    model: Model,
    *,
    days: Annotated[int, typer.Option(help="Look at the windows of so many days before the last one's end.", min=1)] = 7,
    granularity: Annotated[str, typer.Option(help="Of the windows that are looked at.")] = "1 day",
    version: Annotated[str | None, typer.Option("--model-version", help="Only windows of this version.")] = None,
    against: Annotated[
        Reference, typer.Option(help="What inputs are compared with.", case_sensitive=False)
    ] = Reference.CONSECUTIVE,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Assess a model by the classic fixed thresholds over some days; exit 1 from LOW on. A tolerance is the better judge."""
    found = last_revisions(cluster(bootstrap), model, granularity, None, None)
    answer = comprehensive([one for one in found if version in (None, one.model_version)], days=days, reference=against)
    severity = answer["severity_level"]
    if severity is None:
        raise ConfigurationError(f"there are no windows of {model} over {granularity}; name another --granularity")
    if as_json:
        print_json(answer)
    else:
        groups = [(name, each) for name, each in answer.items() if isinstance(each, dict)]
        print_table(
            ("GROUP", "VIOLATIONS", "CHECKS"), ((name, each["violations"], len(each["details"])) for name, each in groups)
        )
        typer.echo(f"risk {answer['overall_risk_score']:.1f}, {severity}")
    raise typer.Exit(0 if severity == Severity.MINIMAL else 1)


def last_revisions(
    kafka: Cluster, model: str, granularity: str | None, since: str | None, until: str | None
) -> list[WindowReport]:
    """Return the last revision of each window of a model, in the order of time. Raises ConfigurationError for a time that is none."""
    first, last = (None if text is None else _time(text) for text in (since, until))
    found: dict[tuple[object, ...], WindowReport] = {}
    for message in read_all(kafka, topics.name("windows")):
        if not (message.key() or b"").startswith(f"{model}/".encode()):
            continue
        report = codec.decode(message.value() or b"")
        assert isinstance(report, WindowReport)
        chosen = report.model_id == model and granularity in (None, report.granularity)
        if chosen and (first is None or report.start >= first) and (last is None or report.start < last):
            key = (report.start, report.end, report.granularity, report.model_version, report.slice)
            if key not in found or report.revision > found[key].revision:
                found[key] = report
    return [report for _, report in sorted(found.items(), key=lambda item: item[0])]


def _profiles(kafka: Cluster, model: str, reports: Sequence[WindowReport]) -> list[dict[str, Any]]:
    layout_of = _layouts(kafka, model)
    return [row for report in reports for row in profile_metrics(report, layout_of(report))]


def _layouts(kafka: Cluster, model: str) -> Callable[[WindowReport], Layout | None]:
    catalogue = Catalogue(kafka.consumer(), topics=("baselines", "monitors"))
    catalogue.refresh()
    catalogue.close()
    known: dict[int, Layout | None] = {}

    def layout_of(report: WindowReport) -> Layout | None:
        if report.monitor_version not in known:
            monitor, baseline = (
                catalogue.book.version(model, report.monitor_version),
                catalogue.book.baseline(report.baseline_id),
            )
            known[report.monitor_version] = None if monitor is None or baseline is None else Layout.of(monitor, baseline)
        return known[report.monitor_version]

    return layout_of


def _time(text: str) -> int:
    try:
        return moment_of(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
