"""`driftline ledger rollback`: take entries out of force, by an entry; nothing is removed."""

import os
import uuid
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.ledger_inputs import KEY_VARIABLE, Database, Json, database_url, print_json
from driftline.clock import SystemClock
from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.rollback import rollback_draft
from driftline.ledger.store import open_store, open_writer, signed_file

app = typer.Typer()


@app.command()
def rollback(
    to: Annotated[str, typer.Option(help="Hash of the last entry that stays in force.")],
    actor: Annotated[str, typer.Option(help="Who decides it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    key_file: Annotated[Path, typer.Option(envvar=KEY_VARIABLE, help="Signing key of the ledger.")],
    last_signed: Annotated[
        Path | None,
        typer.Option(envvar="DRIFTLINE_LEDGER_SIGNED_FILE", help="File with the last signed head; by default beside the key."),
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Take everything after an entry out of force; the log keeps it all, and grows by this decision. Exit 1 without such an entry."""
    try:
        key, wanted = SigningKey.parse(key_file.read_text(encoding="utf-8")), bytes.fromhex(to)
    except OSError as error:
        raise ConfigurationError(f"cannot read the signing key {key_file}: {error.strerror}") from error
    except ValueError:
        raise typer.BadParameter(f"{to!r} is no hash; `driftline ledger entries --json` shows them as entry_hash") from None
    url = database_url(database)
    open_store(url, key.verifier.name).close()  # a ledger that is not there is not made
    writer, _ = open_writer(url, key, signed_path=last_signed or signed_file(key_file), random=os.urandom)
    with writer.store.snapshot() as snapshot:
        target = snapshot.sequence_of(wanted)
    if target is None:
        typer.echo(f"driftline: no entry has the hash {to}", err=True)
        raise typer.Exit(1)
    draft = rollback_draft(
        target,
        wanted,
        log=writer.store.origin,
        actor=actor,
        reason=reason,
        entry_id=uuid.uuid4().bytes,
        salt=os.urandom(32),
    )
    done = writer.append([draft], [], now=SystemClock().now_us())
    writer.store.close()
    if as_json:
        print_json({"sequence": done.size - 1, "target": target, "superseded": [target + 1, done.size - 2]})
    else:
        typer.echo(
            f"entry {done.size - 1}: from entry {target + 1} on, nothing before it is in force any more; nothing was removed"
        )
