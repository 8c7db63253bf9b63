"""`driftline ledger witness-keygen`: the keys of a witness, which cosigns the heads of ledgers."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from driftline.cli.ledger_inputs import Json, print_json, vkey_file, write_secret
from driftline.ledger.cosignature import Algorithm, Cosigner, CosignerKey
from driftline.ledger.store import cosigner_file

app = typer.Typer()

WITNESS_KEY_VARIABLE: Final = "DRIFTLINE_WITNESS_KEY_FILE"
DEFAULT_NAME: Final = "driftline.local/witness"


def make_cosigner(key_file: Path, name: str) -> CosignerKey:
    """Make the key of ML-DSA-44 by which a ledger cosigns its own heads, beside its signing key."""
    key, file = Cosigner(name, os.urandom(32), Algorithm.ML_DSA_44), cosigner_file(key_file)
    write_secret(file, key.encode() + "\n")
    vkey_file(file).write_text(key.verifier.encode() + "\n", encoding="utf-8")
    return key.verifier


@app.command(name="witness-keygen")
def witness_keygen(
    file: Annotated[
        Path, typer.Option("--file", envvar=WITNESS_KEY_VARIABLE, help="Where to write the keys; made with mode 0600.")
    ],
    name: Annotated[
        str, typer.Option(help="Name of the witness, without spaces and '+': a host and path of yours.")
    ] = DEFAULT_NAME,
    post_quantum: Annotated[
        bool, typer.Option("--post-quantum", help="Make a key of ML-DSA-44, too: each cosignature grows by 3.3 KB.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the keys that a witness cosigns with, and beside them the verifier keys (.vkey) for policies, one per line."""
    algorithms = Algorithm if post_quantum else (Algorithm.ED25519,)
    keys = [Cosigner(name, os.urandom(32), algorithm) for algorithm in algorithms]
    vkeys = [key.verifier.encode() for key in keys]
    write_secret(file, "".join(key.encode() + "\n" for key in keys))
    beside = vkey_file(file)
    beside.write_text("".join(vkey + "\n" for vkey in vkeys), encoding="utf-8")
    if as_json:
        print_json({"file": str(file), "vkey_file": str(beside), "vkeys": vkeys})
        return
    typer.echo(f"{file} holds the witness's keys; keep it secret, and away from whoever runs the ledger")
    for key, vkey in zip(keys, vkeys, strict=True):
        typer.echo(f"verifier key, {key.verifier.algorithm.name} ({beside}): {vkey}")
