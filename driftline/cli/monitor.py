"""`driftline monitor`: apply and inspect monitors, through the governance service."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from driftline.cli.console_output import Json, print_json
from driftline.cli.inputs import text_of
from driftline.cli.service import GOVERNANCE, Refused, path_of
from driftline.errors import ConfigurationError
from driftline.governance.naming import in_namespace

app = typer.Typer(no_args_is_help=True)

POLL_SECONDS = 2.0
_SETTLED = {"ACTIVE", "PAUSED"}
_BROKEN = {"REJECTED", "FAILED"}
_CONFLICT = 409

Model = Annotated[str, typer.Argument(help="Id of the model.")]


@app.callback()
def _monitor() -> None:
    """Apply and inspect monitors."""


@app.command()
def apply(
    file: Annotated[Path, typer.Option("-f", "--file", help="Definition in YAML or JSON; - reads standard input.")],
    expected_version: Annotated[
        int | None, typer.Option(help="Version that you saw last, 0 = none: refused (exit 1) if somebody changed it since.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what applying it would come to.")] = False,
    as_json: Json = False,
) -> None:
    """Apply the monitor definition in FILE. The same definition again changes nothing."""
    text = text_of(file)
    query = {"expected_version": expected_version, "dry_run": "true" if dry_run else None}
    with GOVERNANCE.connect() as client:
        try:
            status, view = GOVERNANCE.call(
                client,
                "PUT",
                path_of("monitors", _model_of(text, file)),
                params=query,
                content=text.encode(),
                headers={"Content-Type": "application/yaml"},
            )
        except Refused as refused:
            if refused.status != _CONFLICT:
                raise
            typer.echo(f"driftline: {refused}", err=True)
            raise typer.Exit(1) from refused
    if as_json:
        print_json(view)
        return
    if dry_run:
        typer.echo(f"{view['model_id']} version {view['monitor_version']} would be {view['outcome']}; nothing was written")
        for metric in view["business"]["metrics"]:
            typer.echo(f"  {metric['name']}: {'of rows with a label in time' if metric['requires_label'] else 'of all rows'}")
        return
    done = "applied" if status == 201 else "unchanged"
    typer.echo(
        f"{view['model_id']} version {view['monitor_version']} {done}, effective from {view['effective_from']}: {view['status']}"
    )


@app.command(name="list")
def list_monitors(
    namespace: Annotated[str | None, typer.Option(help="Only models in it: prod.ml holds prod.ml.churn.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the latest version of every monitor; exit 1 if one was rejected or failed."""
    with GOVERNANCE.connect() as client:
        _, views = GOVERNANCE.call(client, "GET", path_of("monitors"))
    views = [view for view in views if namespace is None or in_namespace(view["model_id"], namespace)]
    if as_json:
        print_json(views)
    else:
        for view in views:
            typer.echo(
                f"{view['status']:9} {view['model_id']} version {view['monitor_version']}, watermark {view['watermark'] or '-'}"
            )
    raise typer.Exit(1 if any(view["status"] in _BROKEN for view in views) else 0)


@app.command(name="show")
def show_monitor(model: Model, *, as_json: Json = False) -> None:
    """Show every version of a model's monitor, the latest in full."""
    view = _fetch(model)
    if as_json:
        print_json(view)
        return
    for version in view["versions"]:
        typer.echo(f"version {version['monitor_version']}: {version['status']}, effective from {version['effective_from']}")
    typer.echo(yaml.safe_dump(view["current"]["monitor"], sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def status(model: Model, *, as_json: Json = False) -> None:
    """Say what became of the latest version; exit 0 if it is active or paused, else 1."""
    current = _fetch(model)["current"]
    _report(current, as_json=as_json)
    raise typer.Exit(0 if current["status"] in _SETTLED else 1)


@app.command()
def wait(
    model: Model,
    timeout: Annotated[float, typer.Option(help="Minutes to wait at most.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Wait until the latest version is active (or paused); exit 1 if it is rejected, failed, or still pending at the end."""
    deadline = time.monotonic() + timeout * 60
    current = _fetch(model)["current"]
    while current["status"] not in _SETTLED | _BROKEN and time.monotonic() < deadline:
        time.sleep(min(POLL_SECONDS, max(deadline - time.monotonic(), 0.0)))
        current = _fetch(model)["current"]
    _report(current, as_json=as_json)
    raise typer.Exit(0 if current["status"] in _SETTLED else 1)


def _fetch(model: str) -> dict[str, Any]:
    with GOVERNANCE.connect() as client:
        view: dict[str, Any] = GOVERNANCE.call(client, "GET", path_of("monitors", model))[1]
    return view


def _report(current: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({key: value for key, value in current.items() if key != "monitor"})
        return
    reason = f" ({current['reason']})" if current["reason"] else ""
    typer.echo(f"{current['model_id']} version {current['monitor_version']}: {current['status']}{reason}")


def _model_of(text: str, file: Path) -> str:
    """The model that a definition is for; what else it holds is judged by the service."""
    from driftline.governance.document import read_document

    named = read_document(text).values.get("model")
    if not isinstance(named, str) or not named.strip():
        raise ConfigurationError(f'{file} does not say whose monitor it is; add a line such as "model: shop.churn"')
    return named
