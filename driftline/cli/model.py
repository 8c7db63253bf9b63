"""`driftline model`: register models and versions and move them between stages, through the governance service."""

from typing import Annotated, Any

import typer

from driftline.cli.console_output import Json, print_json
from driftline.cli.service import GOVERNANCE, Refused, path_of
from driftline.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True)

_CONFLICT = 409

Model = Annotated[str, typer.Argument(help="Id of the model; what stands before its last dot is the namespace.")]
Version = Annotated[str, typer.Argument(help="Version of the model.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="name=value; may be repeated.")]
Description = Annotated[str, typer.Option(help="A sentence for people.")]


@app.callback()
def _model() -> None:
    """Register models and versions, move them between stages."""


@app.command()
def register(
    model: Model,
    description: Description = "",
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    tag: Tags = None,
    as_json: Json = False,
) -> None:
    """Register a model, or describe it anew; the same again changes nothing."""
    body = {"description": description, "owner": owner, "tags": _tags(tag)}
    _done(_change("PUT", path_of("models", model), body), f"{model} registered", as_json=as_json)


@app.command()
def version(
    model: Model,
    version: Version,
    description: Description = "",
    digest: Annotated[str | None, typer.Option(help="SHA-256 of the artifact, hex; fixed once given.")] = None,
    tag: Tags = None,
    as_json: Json = False,
) -> None:
    """Register a version of a model; it begins in DEVELOPMENT."""
    body = {"description": description, "artifact_digest": digest, "tags": _tags(tag)}
    view = _change("PUT", path_of("models", model, "versions", version), body)
    _done(view, f"{model} version {version} registered", as_json=as_json)


@app.command()
def stage(
    model: Model,
    version: Version,
    to: Annotated[str, typer.Argument(help="DEVELOPMENT, STAGING, PRODUCTION or ARCHIVED.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    expected: Annotated[str | None, typer.Option(help="Stage you believe it to be in: refused if it is not.")] = None,
    as_json: Json = False,
) -> None:
    """Move a version to another stage; a step that is not allowed ends with exit code 1 and the reason."""
    body = {"to": to.upper(), "reason": reason, "expected": expected.upper() if expected else None}
    view = _change("POST", path_of("models", model, "versions", version, "stage"), body)
    _done(view, f"{model} version {version} is in {to.upper()}", as_json=as_json)


@app.command(name="list")
def list_models(*, as_json: Json = False) -> None:
    """List models, their versions and stages."""
    with GOVERNANCE.connect() as client:
        _, views = GOVERNANCE.call(client, "GET", path_of("models"))
    if as_json:
        print_json(views)
        return
    for view in views:
        stages = ", ".join(f"{each['model_version']} {each['stage']}" for each in view["versions"]) or "no version"
        typer.echo(f"{view['model_id']}: {stages}")


@app.command(name="show")
def show_model(model: Model, *, as_json: Json = False) -> None:
    """Show a model, its versions and how each came to its stage."""
    with GOVERNANCE.connect() as client:
        _, view = GOVERNANCE.call(client, "GET", path_of("models", model))
    if as_json:
        print_json(view)
        return
    typer.echo(f"{view['model_id']}  {view['description']}  owner: {view['owner'] or '-'}")
    for each in view["versions"]:
        typer.echo(f"  {each['model_version']}  {each['stage']}  {each['description']}")
        for step in each["history"]:
            typer.echo(f"    {step['at']}  {step['from']} -> {step['to']}  {step['actor']}: {step['reason']}")


def _change(method: str, path: str, body: dict[str, Any]) -> Any:
    with GOVERNANCE.connect() as client:
        try:
            return GOVERNANCE.call(client, method, path, json=body)[1]
        except Refused as refused:
            if refused.status != _CONFLICT:
                raise
            typer.echo(f"driftline: {refused}", err=True)
            raise typer.Exit(1) from refused


def _done(view: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        typer.echo(sentence)


def _tags(pairs: list[str] | None) -> dict[str, str]:
    tags = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f"--tag {pair!r} is no name=value")
        tags[name.strip()] = value.strip()
    return tags
