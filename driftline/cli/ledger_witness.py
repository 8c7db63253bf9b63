"""`driftline ledger witness | witness-keygen`: a ledger's head shown to witnesses, and the keys of a witness."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from driftline.cli.ledger_inputs import Database, Json, opened, print_json, vkey_file, write_secret
from driftline.cli.ledger_witnessed import PolicyFile, wanted_policy, witness_clients
from driftline.errors import Unavailable
from driftline.ledger.checkpoint import Note, signed_text
from driftline.ledger.cosignature import Algorithm, Cosigner, CosignerKey, cosigned
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.policy import Policy
from driftline.ledger.store import LedgerStore, add_cosignatures, cosigner_file
from driftline.wording import amount

if TYPE_CHECKING:
    from driftline.runtime.witnessing import Asked

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


@app.command()
def witness(policy: PolicyFile = None, database: Database = None, as_json: Json = False) -> None:
    """Show the newest signed head to the witnesses of a policy and keep their cosignatures; the audit service does so by itself.

    Exit 0 with a quorum, 1 if a witness knows another history, 2 without a quorum.
    """
    wanted = wanted_policy(policy, without="there is nobody to ask")
    with opened(database) as store, witness_clients(wanted) as clients:
        note = _latest_note(store)
        size = signed_text(note).size
        refused, said = _ask(store, wanted, clients, note)
        with store.snapshot() as snapshot:
            newest = next(snapshot.cosigned_notes(), "")
    has = signed_text(newest).size == size if newest else False
    keys = cosigned(Note.parse(newest), [one.key for one in wanted.witnesses]).keys() if has else frozenset[CosignerKey]()
    quorum = wanted.satisfied(keys)
    if as_json:
        print_json({"size": size, "quorum": quorum, "history_refused": refused, "witnesses": said})
    else:
        for name, what in said.items():
            typer.echo(f"{name}: {what}")
        typer.echo(f"{amount(size, 'entry')} shown: {'a quorum has' if quorum else 'no quorum has'} cosigned them")
    raise typer.Exit(1 if refused else 0 if quorum else 2)


def _latest_note(store: LedgerStore) -> str:
    with store.snapshot() as snapshot:
        note = snapshot.latest_note()
    if note is None:
        raise LedgerUnavailable("the ledger has no signed head yet: append an entry with its key")
    return note


def _ask(store: LedgerStore, policy: Policy, clients: Mapping[str, "Asked"], note: str) -> tuple[bool, dict[str, str]]:
    """Ask each witness and keep what it signs; return whether one knows another history, and what became of each."""
    from driftline.runtime.witnessing import HistoryRefused, WrongAnswer, cosigned_by

    refused, said = False, {}
    for one in policy.witnesses:
        if (client := clients.get(one.name)) is None:
            said[one.name] = "not asked, the policy has no URL of it"
            continue
        try:
            signatures = cosigned_by(store, one, client, note)
        except (HistoryRefused, ProofInvalid) as error:
            refused, said[one.name] = True, f"HISTORY REFUSED: {error}"
        except (Unavailable, WrongAnswer) as error:
            said[one.name] = f"not cosigned: {error}"
        else:
            add_cosignatures(store, signed_text(note).size, signatures)
            said[one.name] = "cosigned"
    return refused, said
