"""`driftline compliance`: what is required of models and how far they meet it, through the governance service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.console_output import Json, print_json
from driftline.cli.service import GOVERNANCE, path_of
from driftline.events.compliance import MINIMUM_SCORE

app = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="Id of the model.")]


@app.callback()
def _compliance() -> None:
    """Declare what is required of models, and see how far they meet it."""


@app.command()
def require(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", exists=True, dir_okay=False, help="Requirements in YAML; without it the defaults."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Declare what is required of a model, and evaluate it; the same again changes nothing."""
    text = "" if file is None else file.read_text(encoding="utf-8-sig")
    _show(_call("PUT", path_of("compliance", model, "requirements"), content=text.encode()), as_json=as_json)


@app.command()
def release(model: Model, as_json: Json = False) -> None:
    """Require nothing of a model any more; its alert ends."""
    view = _call("DELETE", path_of("compliance", model, "requirements"))
    if as_json:
        print_json(view)
    else:
        typer.echo(f"nothing is required of {model} any more")


@app.command()
def check(model: Model, as_json: Json = False) -> None:
    """Evaluate a model now; exit code 1 where its score is below 0.8."""
    _show(_call("POST", path_of("compliance", model, "checks")), as_json=as_json)


@app.command()
def attest(
    model: Model,
    requirement: Annotated[str, typer.Argument(help="Such as explainability.")],
    statement: Annotated[str, typer.Option(help="What you vouch for, in words.")],
    document: Annotated[str, typer.Option(help="Where it is shown: a URL, or the SHA-256 of a document.")],
    value: Annotated[float | None, typer.Option(help="For explainability: share of predictions that are explained.")] = None,
    days: Annotated[int, typer.Option(help="For how long it counts, at most 366; 0 takes it back.")] = 365,
    as_json: Json = False,
) -> None:
    """Vouch for what Driftline has no evidence of; it is kept with your name, and shown as attested."""
    body = {"requirement": requirement, "statement": statement, "document": document, "value": value, "days": days}
    _show(_call("POST", path_of("compliance", model, "attestations"), json=body), as_json=as_json)


@app.command(name="list")
def list_reports(*, as_json: Json = False) -> None:
    """List the last report of every model; exit code 1 where a score is below 0.8."""
    views = _call("GET", path_of("compliance"))
    if as_json:
        print_json(views)
    else:
        for view in views:
            typer.echo(_line(view))
    if any(_is_low(view) for view in views):
        raise typer.Exit(1)


@app.command(name="show")
def show_report(model: Model, *, as_json: Json = False) -> None:
    """Show the last report of a model; exit code 1 where its score is below 0.8."""
    _show(_call("GET", path_of("compliance", model)), as_json=as_json)


def _call(method: str, path: str, **options: Any) -> Any:
    with GOVERNANCE.connect() as client:
        return GOVERNANCE.call(client, method, path, **options)[1]


def _show(view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        typer.echo(_line(view))
        for name, control in view["detailed_results"].items():
            typer.echo(f"  {name}: {_words(control['status'])}")
            for subject, finding in control["details"].items():
                typer.echo(f"    {_MARKS[finding['holds']]} {subject}  {finding['detail']}")
        for text in view["recommendations"]:
            typer.echo(f"  - {text}")
    if _is_low(view):
        raise typer.Exit(1)


_MARKS = {True: "yes", False: "no ", None: "?  "}


def _line(view: dict[str, Any]) -> str:
    counted = f"{view['compliant_checks']} of {view['total_checks']}"
    attested = f", {view['attested_checks']} attested" if view["attested_checks"] else ""
    level = _words(view["compliance_level"])
    return f"{view['model_id']}: {view['compliance_score']:.2f} {level} ({counted} controls hold{attested}) at {view['report_timestamp']}"


def _words(text: str) -> str:
    return text.replace("_", " ").lower()


def _is_low(view: dict[str, Any]) -> bool:
    return bool(view["total_checks"]) and view["compliance_score"] < MINIMUM_SCORE
