"""`driftline ledger erase | hold | release | retain | expire | archive`: what becomes of payloads, each by an entry that says so."""

import os
from typing import Annotated

import typer

from driftline.cli.ledger_inputs import (
    Archive,
    By,
    Database,
    Json,
    Reason,
    SignedFile,
    SigningKeyFile,
    archive_at,
    opened_to_write,
    print_json,
    resource_of,
    time_at,
)
from driftline.clock import SystemClock
from driftline.errors import ConfigurationError
from driftline.ledger.entries import Query
from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.keeping import EVERY_TOPIC, Policy, Scope
from driftline.ledger.store import LedgerWriter, archiving, erasing
from driftline.ledger.store.erasing import Author, Subjected
from driftline.wording import amount

app = typer.Typer()

About = Annotated[str | None, typer.Option(help="What is about this resource, as type/id.")]


def _author(actor: str, reason: str) -> Author:
    return Author(actor, reason, SystemClock().now_us(), os.urandom)


def _refused(error: WithdrawalRefused) -> typer.Exit:
    typer.echo(f"driftline: {error}", err=True)
    return typer.Exit(1)


def _nothing_of(name: str) -> typer.Exit:
    typer.echo(f"driftline: the ledger has nothing of {name!r}", err=True)
    return typer.Exit(1)


@app.command()
def erase(
    subject: Annotated[str, typer.Option(help="The person: name or pseudonym. What the person did is erased.")],
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    mentions: Annotated[
        list[str] | None, typer.Option(help="And whatever payloads, keys or headers contain this (more than once, if need be).")
    ] = None,
    resource: About = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be erased.")] = False,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Erase the payloads of a person, and the name; exit 1 if there are none, or a hold or retention forbids it."""
    about = None if resource is None else resource_of(resource)
    wanted, author = Subjected(subject, tuple(mentions or ()), about), _author(actor, reason)
    with opened_to_write(database, key_file, last_signed) as writer:
        if dry_run:
            _rehearse(writer, wanted, author, as_json=as_json)
            return
        try:
            done = erasing.erase(writer, wanted, author)
        except WithdrawalRefused as error:
            raise _refused(error) from None
        still = _still_mentioned(writer, subject)
    if done is None:
        raise _nothing_of(subject)
    if as_json:
        print_json(
            {
                "sequence": done.seq,
                "entries": done.entries,
                "subject": done.subject,
                "purged": done.purged,
                "still_mentioned": still,
            }
        )
        return
    typer.echo(f"entry {done.seq}: {amount(done.entries, 'payload')} and the name behind {done.subject} are erased")
    if still:
        typer.echo(
            f"{amount(still, 'other payload contains', 'other payloads contain')} the name: see `driftline ledger entries --mentions`"
        )
    if not done.purged:
        typer.echo("SQLite's write-ahead log keeps the bytes until its readers are done and the next checkpoint is made")


def _rehearse(writer: LedgerWriter, subject: Subjected, author: Author, *, as_json: bool) -> None:
    """Tell what an erasure would take, or why it would be refused."""
    with writer.store.snapshot() as snapshot:
        try:
            found = erasing.would_erase(snapshot, subject, author.now)
        except WithdrawalRefused as error:
            raise _refused(error) from None
    if found is None:
        raise _nothing_of(subject.name)
    if as_json:
        print_json({"entries": len(found), "sequences": [fact.seq for fact in found]})
    else:
        typer.echo(f"{amount(len(found), 'payload')} would be erased; nothing was")


def _still_mentioned(writer: LedgerWriter, name: str) -> int:
    with writer.store.snapshot() as snapshot:
        return sum(1 for _ in snapshot.facts(Query(mentions=name, limit=None)))


@app.command()
def hold(
    name: Annotated[str, typer.Argument(help="Name of the legal hold, such as the file number of the case.")],
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    of_actor: Annotated[str | None, typer.Option(help="Only what this person or service did.")] = None,
    resource: About = None,
    topic: Annotated[str | None, typer.Option(help="Only what this topic brought.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this time on (2026-03-01T00:00:00Z).")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this time.")] = None,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Put all that fits under a legal hold: nothing of it is erased until the release. Exit 1 if the name is in use."""
    pair = None if resource is None else resource_of(resource)
    scope = Scope(actor=of_actor, resource=pair, topic=topic, since=time_at(since), until=time_at(until))
    with opened_to_write(database, key_file, last_signed) as writer:
        try:
            seq = erasing.hold(writer, name, scope, _author(actor, reason))
        except WithdrawalRefused as error:
            raise _refused(error) from None
    _tell(seq, f"the legal hold {name!r} is in force", as_json=as_json)


@app.command()
def release(
    name: Annotated[str, typer.Argument(help="Name of the legal hold.")],
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """End a legal hold; exit 1 if there is none of the name."""
    with opened_to_write(database, key_file, last_signed) as writer:
        try:
            seq = erasing.release(writer, name, _author(actor, reason))
        except WithdrawalRefused as error:
            raise _refused(error) from None
    _tell(seq, f"the legal hold {name!r} is released", as_json=as_json)


@app.command()
def retain(
    topic: Annotated[str, typer.Argument(help=f"Name of the topic; {EVERY_TOPIC} for all that have no policy of their own.")],
    actor: By,
    reason: Reason,
    key_file: SigningKeyFile,
    keep_days: Annotated[int | None, typer.Option(min=0, help="Nothing is erased before.")] = None,
    archive_days: Annotated[int | None, typer.Option(min=0, help="It goes to the archive after.")] = None,
    expire_days: Annotated[int | None, typer.Option(min=0, help="It is erased after.")] = None,
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Set how long payloads are kept, in the place of what was set before: what is left out here does not happen."""
    if expire_days is not None and expire_days < (keep_days or 0):
        raise typer.BadParameter("--expire-days lies before --keep-days")
    policy = Policy(keep_days=keep_days, archive_days=archive_days, expire_days=expire_days)
    with opened_to_write(database, key_file, last_signed) as writer:
        seq = erasing.retain(writer, topic, policy, _author(actor, reason))
    _tell(seq, f"the retention of {topic} is in force: {_in_words(policy)}", as_json=as_json)


def _in_words(policy: Policy) -> str:
    said = (
        ("nothing is erased before", policy.keep_days),
        ("it goes to the archive after", policy.archive_days),
        ("it is erased after", policy.expire_days),
    )
    return ", ".join(f"{text} {amount(days, 'day')}" for text, days in said if days is not None) or "kept without an end"


@app.command()
def expire(
    actor: By,
    key_file: SigningKeyFile,
    reason: Reason = "retention is over",
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Erase the payloads whose retention is over and that no legal hold keeps."""
    count, statements = 0, []
    with opened_to_write(database, key_file, last_signed) as writer:
        while (done := erasing.expire(writer, _author(actor, reason))) is not None:
            count += done.entries
            statements.append(done.seq)
    if as_json:
        print_json({"entries": count, "sequences": statements})
    else:
        typer.echo(f"{amount(count, 'payload')} erased by {amount(len(statements), 'entry')}")


@app.command(name="archive")
def archive_payloads(
    actor: By,
    key_file: SigningKeyFile,
    archive: Archive = None,
    before: Annotated[str | None, typer.Option(help="All older than this; by default what retention says.")] = None,
    reason: Reason = "archive",
    last_signed: SignedFile = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Move payloads into the archive, sealed; `driftline ledger verify --archive` verifies them there."""
    objects = archive_at(archive)
    if objects is None:
        raise ConfigurationError("name the archive with --archive, or set DRIFTLINE_LEDGER_ARCHIVE_URL")
    with opened_to_write(database, key_file, last_signed) as writer:
        done = list(archiving.archive(writer, objects, _author(actor, reason), before=time_at(before)))
    if as_json:
        print_json(
            {
                "entries": sum(one.entries for one in done),
                "objects": [
                    {"name": one.object, "entries": one.entries, "bytes": one.size, "sequence": one.seq} for one in done
                ],
            }
        )
    else:
        typer.echo(f"{amount(sum(one.entries for one in done), 'payload')} in {amount(len(done), 'object')} of {archive}")


def _tell(seq: int, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"sequence": seq})
    else:
        typer.echo(f"entry {seq}: {what}")
