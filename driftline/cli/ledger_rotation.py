"""`driftline ledger rotate-key`: another key for a ledger, from its next head on."""

import os
import uuid
from pathlib import Path

import typer

from driftline.cli.ledger_inputs import (
    By,
    Database,
    Json,
    Reason,
    SignedFile,
    SigningKeyFile,
    opened_to_write,
    print_json,
    signing_key,
    vkey_file,
    write_secret,
)
from driftline.clock import SystemClock
from driftline.ledger.checkpoint import Checkpoint, sign_checkpoint
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.rotation import rotation_draft
from driftline.ledger.store import LastSigned, signed_file
from driftline.wording import amount

app = typer.Typer()


@app.command(name="rotate-key")
def rotate_key(
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Give the ledger a new key: run this, hand out the new .vkey, start the audit services again (they end by themselves).

    The change is an entry; heads so far stay good by the old key, later ones by the new key only. The old private key is gone then.
    """
    old, seed = signing_key(key_file), os.urandom(32)
    draft = rotation_draft(
        old.verifier,
        old.successor(seed, 0).verifier,
        actor=actor,
        reason=reason,
        entry_id=uuid.uuid4().bytes,
        salt=os.urandom(32),
    )
    path = last_signed or signed_file(key_file)
    with opened_to_write(database, key_file, last_signed) as writer:
        done = writer.append([draft], [], now=SystemClock().now_us())

    def replace(last: Checkpoint) -> str:
        if last.size < done.size:
            raise LedgerUnavailable(f"entry {done.size - 1} says that the key changes, but it is not signed: run this again")
        new = old.successor(seed, last.size)
        _replace(key_file, new.encode() + "\n")
        vkey_file(key_file).write_text(new.verifier.lines(), encoding="utf-8")
        return sign_checkpoint(last, new)

    # Whoever still runs with the old key finds a head that it did not sign, and stops.
    last = LastSigned(path, old.verifier).hand_over(replace)
    new = signing_key(key_file)
    if as_json:
        print_json(
            {"sequence": done.size - 1, "vkey": new.verifier.encode(), "former": old.verifier.encode(), "until": last.size}
        )
        return
    typer.echo(f"entry {done.size - 1}: from {amount(last.size, 'entry')} on the ledger signs with another key")
    typer.echo(f"verifier key, to hand out with all its lines ({vkey_file(key_file)}): {new.verifier.encode()}")


def _replace(path: Path, text: str) -> None:
    """Put a new key in the place of the old one, all or nothing."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    write_secret(fresh, text)
    fresh.replace(path)
