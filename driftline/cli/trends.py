"""`driftline trends`: where the performance of a model is going, over the windows that were decided."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from driftline import codec, topics
from driftline.cli.console_output import Bootstrap, Json, cluster, moment, print_json, print_table
from driftline.cli.reading import read_all
from driftline.drift.profile import ALL_ROWS
from driftline.drift.trends import Analysis, Forecast, analyze, history_of, limits_of
from driftline.errors import ConfigurationError
from driftline.events import WindowReport
from driftline.kafka.ports import Cluster
from driftline.wording import amount

Series = tuple[str, str]
"""Model version and granularity."""


def trends(
    model: Annotated[str, typer.Argument(help="Id of the model.")],
    *,
    days: Annotated[int, typer.Option(help="Look at the windows of so many days before the last one.", min=1)] = 30,
    forecast_days: Annotated[int, typer.Option(help="Days to look ahead.", min=1, max=365)] = 7,
    version: Annotated[str | None, typer.Option("--model-version", help="The default is that of the last window.")] = None,
    granularity: Annotated[str | None, typer.Option(help='The default is "1 day", else the one with most windows.')] = None,
    slice_name: Annotated[str, typer.Option("--slice", help="The default is all rows.")] = ALL_ROWS,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show trends and forecasts of MODEL's performance; exit 1 if something degrades or is going to break its limit.

    Times are those of the rows, so a replayed stream has the trend of the days that it is about.
    """
    found = read_windows(cluster(bootstrap), model, slice_name)
    series = _chosen(found, model, version, granularity)
    reports = found[series]
    end = max(report.end for report in reports)
    answer = analyze(
        history_of(reports), now=end, time_window_days=days, forecast_days=forecast_days, metrics=limits_of(reports)
    )
    if as_json:
        print_json({"model_id": model, "model_version": series[0], "granularity": series[1], "until": end, **asdict(answer)})
    else:
        typer.echo(f"{model} {series[0]}, windows of {series[1]} in the {amount(days, 'day')} before {moment(end)}")
        _print(answer)
    raise typer.Exit(1 if answer.alerts else 0)


def read_windows(kafka: Cluster, model: str, slice_name: str = ALL_ROWS) -> dict[Series, list[WindowReport]]:
    """Read every revision that is kept of a model's windows. Raises as `read_all` does."""
    found: dict[Series, list[WindowReport]] = defaultdict(list)
    prefix = f"{model}/".encode()
    for message in read_all(kafka, topics.name("windows")):
        if (message.key() or b"").startswith(prefix):
            report = codec.decode(message.value() or b"")
            if isinstance(report, WindowReport) and report.model_id == model and report.slice == slice_name:
                found[report.model_version, report.granularity].append(report)
    return found


def _chosen(found: Mapping[Series, list[WindowReport]], model: str, version: str | None, granularity: str | None) -> Series:
    """The series that is meant. Raises ConfigurationError that names those there are."""
    fitting = [series for series in found if version in (None, series[0]) and granularity in (None, series[1])]
    if not fitting:
        there = ", ".join(f"{version} by {granularity}" for version, granularity in sorted(found)) or "none at all"
        raise ConfigurationError(f"there are no such windows of {model}; there are {there}")
    last = max(fitting, key=lambda series: max(report.end for report in found[series]))[0]
    own = [series for series in fitting if series[0] == last]
    return max(own, key=lambda series: (series[1] == "1 day", len(found[series]), series))


def _print(answer: Analysis) -> None:
    head = ("METRIC", "COURSE", "NOW", "A DAY", "P", "STRENGTH", "WINDOWS", "FORECAST")
    rows: Iterable[tuple[Any, ...]] = (
        (
            name,
            one.direction.value,
            f"{one.current_value:.4g}",
            f"{one.slope:+.4g}",
            f"{one.significance:.3f}",
            f"{one.trend_strength:.2f}",
            one.n,
            _coming(answer.forecasts.get(name)),
        )
        for name, one in answer.trend_analysis.items()
    )
    print_table(head, rows)
    for alert in answer.alerts:
        typer.echo(f"{alert.severity}: {alert.description}")
    summary = answer.summary
    typer.echo(
        f"health {summary.overall_health.value}: {summary.degrading_metrics_count} of {amount(summary.total_metrics_count, 'metric')} degrading"
        + (f"; of concern: {', '.join(summary.key_concerns)}" if summary.key_concerns else "")
    )


def _coming(found: Forecast | None) -> str:
    if found is None:
        return "-"
    last = found.points[-1]
    between = "" if last.low is None or last.high is None else f" ({last.low:.4g} to {last.high:.4g})"
    return f"{last.value:.4g}{between}"
