"""`driftline ledger rollback`: take entries out of force, by an entry; nothing is removed."""

import os
import uuid
from typing import Annotated

import typer

from driftline.cli.ledger_inputs import By, Database, Json, Reason, SignedFile, SigningKeyFile, opened_to_write, print_json
from driftline.clock import SystemClock
from driftline.ledger.rollback import rollback_draft

app = typer.Typer()


@app.command()
def rollback(
    to: Annotated[str, typer.Option(help="Hash of the last entry that stays in force.")],
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Take everything after an entry out of force; the log keeps it all, and grows by this decision. Exit 1 without such an entry."""
    try:
        wanted = bytes.fromhex(to)
    except ValueError:
        raise typer.BadParameter(f"{to!r} is no hash; `driftline ledger entries --json` shows them as entry_hash") from None
    with opened_to_write(database, key_file, last_signed) as writer:
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
    if as_json:
        print_json({"sequence": done.size - 1, "target": target, "superseded": [target + 1, done.size - 2]})
    else:
        typer.echo(
            f"entry {done.size - 1}: from entry {target + 1} on, nothing before it is in force any more; nothing was removed"
        )
