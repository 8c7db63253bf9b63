"""`driftline check`: check a stored range now, and see what became of scheduled checks.

What is asked for goes to the drift service; what became of it is read from the console, where every execution arrives.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from driftline.cli.console_output import Json, print_json, print_table
from driftline.cli.service import CONSOLE, DRIFT, path_of
from driftline.clock import SystemClock
from driftline.envelope import iso_time, moment_of
from driftline.errors import ConfigurationError, Unavailable
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)

POLL_SECONDS = 0.5
WEEK_US = 7 * 86_400_000_000

Model = Annotated[str, typer.Argument(help="Id of the model.")]
OfModel = Annotated[str | None, typer.Option("--model", help="Only those of this model.")]


@app.callback()
def _check() -> None:
    """Check a stored range now, and see what became of scheduled checks."""


@app.command()
def run(
    model: Model,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Begin of the range, such as 2026-03-01 or 2026-03-01T06:00+01:00; else 7 days before its end."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="End of the range, not a part of it; else now.")] = None,
    version: Annotated[str, typer.Option("--model-version", help="Only this version.")] = "",
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="feature.psi=0.1: in place of the monitor's thresholds; may be repeated."),
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0)] = 60.0,
    as_json: Json = False,
) -> None:
    """Check the stored counts of a range; exit 0 nothing found, 1 drift, 2 nothing could be decided."""
    body = {**_range(since, until), "model_version": version, "thresholds": _limits(limit or ())}
    with DRIFT.connect() as client:
        asked = DRIFT.call(client, "POST", path_of("models", model, "checks"), json=body)[1]
    found = _answered(asked["request_id"], wait)
    if as_json:
        print_json(found)
    else:
        for execution in found:
            _print(execution)
    if any(execution["alert_generated"] for execution in found):
        raise typer.Exit(1)
    if any(execution["status"] != "COMPLETED" for execution in found):
        raise typer.Exit(2)


@app.command()
def history(
    *,
    model: OfModel = None,
    status: Annotated[str | None, typer.Option(help="RUNNING, COMPLETED, FAILED or SKIPPED.")] = None,
    limit: Annotated[int, typer.Option(help="Show only the last so many.", min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """List executions, the latest first."""
    found = _read("checks", model=model, status=status.upper() if status else None, limit=limit)
    if as_json:
        print_json(found)
        return
    head = ("AT", "MODEL", "VERSION", "TRIGGER", "STATUS", "LEVEL", "ROWS", "FROM", "TO", "WHY")
    print_table(head, map(_row, found))


@app.command()
def statistics(*, model: OfModel = None, as_json: Json = False) -> None:
    """Show schedules and executions in a few figures."""
    found = _read("checks", "statistics", model=model)
    if as_json:
        print_json(found)
        return
    print_table(
        ("FIGURE", "VALUE"), ((name.replace("_", " "), "-" if value is None else value) for name, value in found.items())
    )


@app.command()
def schedule(*, as_json: Json = False) -> None:
    """List schedules with their next points, the next one first."""
    found = _read("checks", "schedules")
    if as_json:
        print_json(found)
        return
    head = ("MODEL", "SCHEDULE", "ZONE", "NEXT RUN")
    print_table(
        head, ((one["model_id"], one["schedule"], one["time_zone"], one["next_run_time"] or "disabled") for one in found)
    )


def _range(since: str | None, until: str | None) -> dict[str, str]:
    end = SystemClock().now_us() if until is None else moment_of(until)
    return {"from": iso_time(end - WEEK_US) if since is None else since, "to": iso_time(end)}


def _limits(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        name, _, limit = text.partition("=")
        family, _, measure = name.partition(".")
        try:
            found.setdefault(family, {})[measure] = float(limit)
        except ValueError:
            raise ConfigurationError(f"--limit {text!r} is no FAMILY.MEASURE=NUMBER, such as feature.psi=0.1") from None
    return found


def _read(*parts: str, **query: str | int | None) -> Any:
    with CONSOLE.connect() as client:
        return CONSOLE.call(client, "GET", path_of(*parts), params=query)[1]


def _answered(request_id: str, wait: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + wait
    while not (found := _read("checks", request=request_id)):
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"request {request_id} is accepted but not answered after {wait:g} s: stage evaluate answers at the next progress "
                "of stage profile; is drift up, and the console? The answer will stand in `driftline check history`"
            )
        time.sleep(POLL_SECONDS)
    return list(found)


def _row(execution: dict[str, Any]) -> tuple[object, ...]:
    return (
        execution["at"][:19],
        execution["model_id"],
        execution["model_version"] or "-",
        execution["trigger"],
        execution["status"],
        execution["alert_level"] or "-",
        execution["n"],
        execution["start"][:16],
        execution["end"][:16],
        execution["error_message"] or "",
    )


def _print(execution: dict[str, Any]) -> None:
    name = " ".join(part for part in (execution["model_id"], execution["model_version"]) if part)
    span = f"{execution['start'][:16]} to {execution['end'][:16]}"
    if execution["status"] != "COMPLETED":
        typer.echo(f"{name}  {span}  {execution['status']}: {execution['error_message']}")
        return
    doubts = "".join(f"  (not {word})" for word in ("exact", "complete") if not execution[word])
    typer.echo(
        f"{name}  {span}  {execution['alert_level']}  risk {execution['risk_score']:.1f}  {amount(execution['n'], 'row')}{doubts}"
    )
    for one in execution["failing"]:
        typer.echo(f"  {one['column'] or 'table'}: {one['measure']} {one['value']:.4g}, limit {one['limit']:.4g}")
