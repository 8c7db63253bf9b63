"""`driftline token`: access tokens for the HTTP interfaces; works on the file alone, without any service."""

import os
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.console_output import Json, print_json, print_table
from driftline.runtime.tokens import ROLES, create_token, list_tokens, revoke_token

app = typer.Typer(no_args_is_help=True)

DEFAULT_FILE = ".driftline/tokens.json"

File = Annotated[
    Path | None,
    typer.Option("--file", help=f"File of hashed tokens; the default is DRIFTLINE_TOKENS_FILE, else {DEFAULT_FILE}."),
]


@app.callback()
def _token() -> None:
    """Create access tokens for the HTTP interfaces."""


@app.command()
def create(
    *,
    actor: Annotated[str, typer.Option(help="Who will use it; the ledger names them.")],
    role: Annotated[list[str], typer.Option(help=f"What they may do ({', '.join(ROLES)}); may be repeated.")],
    file: File = None,
    as_json: Json = False,
) -> None:
    """Create a token and print it: the only time that it is seen; the file keeps its hash (mode 0600)."""
    path = _path(file)
    token = create_token(path, actor, role)
    if as_json:
        print_json({"token": token, "actor": actor, "roles": sorted(set(role)), "file": str(path)})
        return
    typer.echo(token)


@app.command(name="list")
def list_all(*, file: File = None, as_json: Json = False) -> None:
    """List who has tokens; the tokens themselves are nowhere."""
    found = list_tokens(_path(file))
    if as_json:
        print_json([{"id": a.token_id, "actor": a.name, "roles": sorted(a.roles)} for a in found])
        return
    print_table(["id", "actor", "roles"], [(a.token_id, a.name, ", ".join(sorted(a.roles))) for a in found])


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id as `driftline token list` shows it.")],
    *,
    file: File = None,
) -> None:
    """Take a token away; services notice at the next request. Exit 1 if there is none of this id."""
    if not revoke_token(_path(file), token_id):
        typer.echo(f"no token has the id {token_id}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{token_id} is revoked")


def _path(file: Path | None) -> Path:
    return file or Path(os.environ.get("DRIFTLINE_TOKENS_FILE") or DEFAULT_FILE)
