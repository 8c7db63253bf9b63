"""`driftline ledger prove | checkpoint | check-receipt | check-growth | check-bundle`: proofs to hand out, and to check without a database."""

import base64
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from driftline.cli.ledger_inputs import Database, Json, Key, contents, lines_of, opened, pick, print_json, verifier_key, write
from driftline.cli.ledger_witnessed import PolicyFile, witnessed_by
from driftline.envelope import iso_time
from driftline.errors import ConfigurationError
from driftline.ledger.bundle import Completeness, check_bundle
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import KeyMalformed, LedgerError
from driftline.ledger.growth import Growth, check_growth
from driftline.ledger.receipt import Checked, Receipt, check_receipt
from driftline.ledger.store import growth_of, receipt_of, signed_head
from driftline.wording import amount

app = typer.Typer()

_COMPLETE: Final = {
    Completeness.RANGE: "nothing of these times is missing",
    Completeness.TRAIL: "nothing of this trail is missing up to its last entry here",
    Completeness.NONE: "each entry is proven; that there are no others is not (choose by time, one actor or one resource)",
}

Output = Annotated[Path | None, typer.Option(help="File to write; by default beside you, named for what it proves.")]


@app.command()
def prove(
    entry_id: Annotated[str | None, typer.Argument(help="Id of the entry.")] = None,
    sequence: Annotated[int | None, typer.Option(min=0, help="Or its number in the log.")] = None,
    since: Annotated[
        int | None, typer.Option(min=0, help="Instead: prove that the log only grew since it had so many entries.")
    ] = None,
    payload: Annotated[bool, typer.Option(help="Put the payload into the receipt, too: whoever has it can read it.")] = False,
    output: Output = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Write the receipt of an entry (.tlog-proof), or a proof of growth; exit 1 if the ledger cannot prove it."""
    with opened(database) as store, store.snapshot() as snapshot:
        if since is not None:
            if (entry_id, sequence) != (None, None):
                raise typer.BadParameter("--since proves the log, not an entry: leave the entry out")
            file, data = output or Path(f"since-{since}.tlog-growth"), growth_of(snapshot, since).encode()
        else:
            found = pick(snapshot, entry_id, sequence)
            file, data = output or Path(f"entry-{found.seq}.tlog-proof"), receipt_of(snapshot, found, payload=payload).encode()
    write(file, data)
    if as_json:
        print_json({"file": str(file), "bytes": len(data)})
    else:
        typer.echo(f"{file}: {amount(len(data), 'byte')}")


@app.command()
def checkpoint(*, database: Database = None) -> None:
    """Print the newest signed head: keep it, and nobody can rewrite what it covers without you noticing."""
    with opened(database) as store, store.snapshot() as snapshot:
        typer.echo(signed_head(snapshot)[1], nl=False)


@app.command(name="check-receipt")
def check_receipt_file(
    file: Annotated[Path, typer.Argument(help="The receipt (.tlog-proof).")],
    key: Key = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Check a receipt without any database; exit 0 proven, 1 refused, 2 cannot be checked."""
    verifier, data = key_or_refusal(key), contents(file)
    try:
        receipt = Receipt.parse(data)
        checked = check_receipt(receipt, verifier)
        witnessed_by(policy, receipt.note)
    except LedgerError as error:
        raise refusal(file, error, as_json=as_json) from None
    if as_json:
        print_json({"valid": True, "reason": None, **_shown(receipt, checked)})
        return
    leaf, head = checked.leaf, checked.checkpoint
    typer.echo(f"proven: entry {leaf.seq} of {head.origin}, under its signed head of {amount(head.size, 'entry')}")
    typer.echo(f"{iso_time(leaf.ts)} {leaf.action} by {leaf.actor} on {leaf.resource_type}/{leaf.resource_id}")
    disclosed = receipt.opening.disclosed
    typer.echo("payload: kept back" if disclosed is None else f"payload: {amount(len(disclosed.payload), 'byte')}, as recorded")


@app.command(name="check-growth")
def check_growth_file(
    file: Annotated[Path, typer.Argument(help="The proof (.tlog-growth).")],
    older: Annotated[Path, typer.Option(help="The signed head that you kept (driftline ledger checkpoint).")],
    key: Key = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Check that a log only grew since a head that you kept; exit 0 proven, 1 refused, 2 cannot be checked."""
    verifier, data, kept = key_or_refusal(key), contents(file), contents(older)
    try:
        growth = Growth.parse(data)
        before, after = check_growth(growth, kept.decode("utf-8", "replace"), verifier)
        witnessed_by(policy, growth.note)
    except LedgerError as error:
        raise refusal(file, error, as_json=as_json) from None
    if as_json:
        print_json({"valid": True, "reason": None, "log": after.origin, "from": before.size, "to": after.size})
    else:
        typer.echo(f"proven: {after.origin} only grew, from {before.size} to {amount(after.size, 'entry')}")


@app.command(name="check-bundle")
def check_bundle_file(
    file: Annotated[Path, typer.Argument(help="The bundle (driftline ledger export --format bundle).")],
    key: Key = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Check a bundle without any database; exit 0 proven, 1 refused, 2 cannot be checked."""
    verifier = key_or_refusal(key)
    try:
        report = check_bundle(lines_of(file), verifier)
        witnessed_by(policy, report.note)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    except LedgerError as error:
        raise refusal(file, error, as_json=as_json) from None
    head, last = report.checkpoint, report.last
    if as_json:
        print_json(
            {
                "valid": True,
                "reason": None,
                "log": head.origin,
                "head": {"size": head.size, "root": head.root.hex()},
                "selection": report.selection.to_json(),
                "entries": report.entries,
                "disclosed": report.disclosed,
                "complete": report.complete.value,
                "last": None if last is None else last.seq,
            }
        )
        return
    typer.echo(
        f"proven: {amount(report.entries, 'entry')} of {head.origin}, under its signed head of {amount(head.size, 'entry')}"
    )
    typer.echo(_COMPLETE[report.complete])


def key_or_refusal(given: str | None) -> VerifierKey:
    """Without a key nothing is proven: refuse."""
    try:
        key = verifier_key(given)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMalformed(f"the verifier key cannot be read: {error}") from error
    if key is None:
        raise ConfigurationError("give the verifier key of the log with --key")
    return key


def refusal(file: Path, error: LedgerError, *, as_json: bool) -> typer.Exit:
    """Say that a file proves nothing."""
    if as_json:
        print_json({"valid": False, "reason": str(error)})
    else:
        typer.echo(f"REFUSED: {file} proves nothing: {error}")
    return typer.Exit(1)


def _shown(receipt: Receipt, checked: Checked) -> dict[str, Any]:
    head, disclosed = checked.checkpoint, receipt.opening.disclosed
    return {
        "log": head.origin,
        "sequence": checked.leaf.seq,
        "head": {"size": head.size, "root": head.root.hex()},
        "leaf": receipt.opening.leaf.decode(),
        "payload": None if disclosed is None else base64.b64encode(disclosed.payload).decode(),
    }
