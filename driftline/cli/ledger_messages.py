"""`driftline ledger prove-message | check-message | check-messages`: messages of the archive against the digests of the ledger."""

from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.ledger_inputs import Archive, Database, Json, Key, archive_at, contents, opened, print_json, write
from driftline.cli.ledger_proofs import key_or_refusal, refusal
from driftline.errors import ConfigurationError
from driftline.ledger.errors import LedgerError, LedgerUnavailable, ProofInvalid
from driftline.ledger.messages import MessageProof, check_message
from driftline.ledger.store import UrlObjects
from driftline.ledger.store.keeping_messages import check_files, prove_message_at
from driftline.wording import amount

app = typer.Typer()


def _archive(url: str | None) -> UrlObjects:
    objects = archive_at(url)
    if objects is None:
        raise ConfigurationError("name the archive with --archive, or set DRIFTLINE_LEDGER_ARCHIVE_URL")
    return objects


@app.command(name="prove-message")
def prove_message(
    topic: Annotated[str, typer.Option(help="Name of the topic.")],
    partition: Annotated[int, typer.Option(min=0)],
    offset: Annotated[int, typer.Option(min=0)],
    archive: Archive = None,
    output: Annotated[Path | None, typer.Option(help="File to write; by default beside you.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Write the proof of one message of the archive; exit 1 if there is no such message, or its file was tampered with."""
    objects = _archive(archive)
    with opened(database) as store, store.snapshot() as snapshot:
        try:
            data = prove_message_at(snapshot, objects, topic, partition, offset).encode()
        except (LookupError, ProofInvalid) as error:
            typer.echo(f"driftline: {error}", err=True)
            raise typer.Exit(1) from None
    file = output or Path(f"{topic}-{partition}-{offset}.message-proof")
    write(file, data)
    if as_json:
        print_json({"file": str(file), "bytes": len(data)})
    else:
        typer.echo(f"{file}: {amount(len(data), 'byte')}")


@app.command(name="check-message")
def check_message_file(
    file: Annotated[Path, typer.Argument(help="The proof (.message-proof).")], key: Key = None, as_json: Json = False
) -> None:
    """Check the proof of a message without any database; exit 0 proven, 1 refused, 2 cannot be checked."""
    verifier, data = key_or_refusal(key), contents(file)
    try:
        proof = MessageProof.parse(data)
        checked, source = check_message(proof, verifier)
    except LedgerError as error:
        raise refusal(file, error, as_json=as_json) from None
    head, message = checked.checkpoint, proof.message
    if as_json:
        print_json(
            {
                "valid": True,
                "reason": None,
                "log": head.origin,
                "entry": checked.leaf.seq,
                "topic": source.topic,
                "topic_id": source.topic_id,
                "partition": source.partition,
                "offset": message.offset,
                "bytes": len(message.value or b""),
            }
        )
        return
    typer.echo(f"proven: entry {checked.leaf.seq} of {head.origin}, under its signed head of {amount(head.size, 'entry')},")
    typer.echo(f"digests this message among {source.start}..{source.end - 1} of {source.topic}/{source.partition}")


@app.command(name="check-messages")
def check_message_files(
    topic: Annotated[str | None, typer.Option(help="Only the files of this topic.")] = None,
    archive: Archive = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Check every file of messages against its digest; exit 0 all right, 1 tampered files, 2 files are gone."""
    objects = _archive(archive)
    with opened(database) as store, store.snapshot() as snapshot:
        found = check_files(snapshot, objects, topic)
    if as_json:
        print_json({"files": found.files, "messages": found.messages, "wrong": found.wrong, "missing": found.missing})
    else:
        for reason in found.wrong.values():
            typer.echo(f"TAMPERED: {reason}")
        for name in found.missing:
            typer.echo(f"gone: {name}")
        files = amount(found.files, "file", "files")
        typer.echo(f"intact: {files} with {amount(found.messages, 'message')}, as digested")
    if found.wrong:
        raise typer.Exit(1)
    if found.missing:
        raise LedgerUnavailable(
            f"{amount(len(found.missing), 'file is', 'files are')} not in the archive: what was in there cannot be checked"
        )
