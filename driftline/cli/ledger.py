"""`driftline ledger`: verify, query and export the audit ledger, straight from its database; make its key."""

import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from driftline.cli import (
    ledger_keeping,
    ledger_messages,
    ledger_proofs,
    ledger_report,
    ledger_rollback,
    ledger_rotation,
    ledger_verify,
    ledger_witness,
)
from driftline.cli.ledger_inputs import (
    KEY_VARIABLE,
    Action,
    Actor,
    Archive,
    Database,
    Effective,
    Json,
    Mentions,
    Resource,
    Severity,
    Since,
    Until,
    archive_at,
    database_url,
    opened,
    pick,
    print_json,
    query_of,
    resource_of,
    say_if_locked,
    vkey_file,
    write_secret,
)
from driftline.cli.ledger_witness import make_cosigner
from driftline.envelope import iso_time
from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.entries import Query, StoredEntry, Trail, TrailKind, check_trail, no_entries, summary, view, whereabouts
from driftline.ledger.export import Format, export
from driftline.ledger.payloads import severity_of, what_it_says
from driftline.ledger.store import (
    VERSION,
    bundle_of,
    cosigner_file,
    examine,
    install_roles,
    install_schema,
    joining,
    open_engine,
)
from driftline.ledger.store.archiving import payload_from
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)
app.add_typer(ledger_verify.app)
app.add_typer(ledger_proofs.app)
app.add_typer(ledger_rollback.app)
app.add_typer(ledger_rotation.app)
app.add_typer(ledger_keeping.app)
app.add_typer(ledger_messages.app)
app.add_typer(ledger_report.app)
app.add_typer(ledger_witness.app)

DEFAULT_NAME = "driftline.local/audit"


@app.callback()
def _ledger() -> None:
    """Verify, query and export the audit ledger."""


@app.command()
def trail(
    actor: Annotated[str | None, typer.Option(help="Entries of this actor (name or pseudonym).")] = None,
    resource: Annotated[str | None, typer.Option(help="Entries of this resource, as type/id.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many, from the beginning.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show the trail of one actor or one resource; exit 1 if an entry of it is missing."""
    if (actor is None) == (resource is None):
        raise typer.BadParameter("give --actor NAME or --resource TYPE/ID")
    kind = TrailKind.ACTOR if actor is not None else TrailKind.RESOURCE
    pair = None if resource is None else resource_of(resource)
    with opened(database) as store, store.snapshot() as snapshot:
        found = check_trail(list(snapshot.entries(Query(actor=actor, resource=pair, limit=limit))), kind)
        note = no_entries(f"of {actor}", snapshot.erased_subjects()) if actor is not None and not found.entries else None
    if as_json:
        shown = [view(entry) for entry in found.entries]
        print_json({"complete": found.complete, "broken_at": found.broken_at, "entries": shown, "note": note})
    elif note is not None:
        typer.echo(note)
    else:
        _tell_trail(found)
    raise typer.Exit(0 if found.complete else 1)


@app.command()
def doctor(*, database: Database = None, as_json: Json = False) -> None:
    """Prove that every guard of the database is in place, by trying what it refuses; exit 1 if one is not."""
    with opened(database) as store:
        try:
            checks = examine(store.engine)
        except DBAPIError as error:
            raise ConfigurationError(f"the database cannot be examined: {error.orig}") from error
    wrong = [check for check in checks if not check.healthy]
    if as_json:
        print_json({"healthy": not wrong, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{'ok   ' if check.healthy else 'WRONG'} {check.name}: {check.detail}")
        typer.echo(f"{amount(len(checks), 'check')}, {len(wrong)} wrong")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def install(*, database: Database = None, as_json: Json = False) -> None:
    """Create or upgrade the ledger's tables, guards and roles; give --database a user who may do that. No entry is changed."""
    engine = open_engine(database_url(database))
    try:
        say_if_locked(engine)
        install_schema(engine)
        roles = install_roles(engine)
        joins = joining(roles.writer, "audit_service", engine.dialect) if roles is not None else ()
    finally:
        engine.dispose()
    if as_json:
        print_json({"tables": VERSION, "roles": None if roles is None else asdict(roles)})
        return
    typer.echo(f"tables of version {VERSION} and their guards are in place")
    if roles is not None:
        typer.echo(f"roles: {roles.owner} makes them, {roles.writer} appends, {roles.reader} reads")
        typer.echo("put the user of the audit service into the writing role, for example:")
        for statement in joins:
            typer.echo(f"  {statement};")


@app.command()
def stats(*, database: Database = None, as_json: Json = False) -> None:
    """Count entries, actors, resources and actions."""
    with opened(database) as store, store.snapshot() as snapshot:
        found = snapshot.statistics()
    times = [None if at is None else iso_time(at) for at in (found.first_ts, found.last_ts)]
    if as_json:
        print_json(
            {
                "log": store.origin,
                "entries": found.entries,
                "actors": found.actors,
                "resources": found.resources,
                "actions": dict(found.actions),
                "first_time": times[0],
                "last_time": times[1],
                "signed_size": found.signed_size,
            }
        )
        return
    typer.echo(f"{store.origin}: {amount(found.entries, 'entry')}, {found.signed_size} of them signed")
    typer.echo(
        f"{amount(found.actors, 'actor')}, {amount(found.resources, 'resource')}, {times[0] or '-'} to {times[1] or '-'}"
    )
    for action, count in found.actions.items():
        typer.echo(f"{count:10} {action}")


@app.command()
def entries(
    actor: Actor = None,
    resource: Resource = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    mentions: Mentions = None,
    severity: Severity = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
    effective: Effective = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Search entries; exit 1 if there is none."""
    query = replace(
        query_of(actor, resource, action, since, until, mentions),
        severity=None if severity is None else severity.upper(),
        limit=limit,
        newest_first=newest,
        effective=effective,
    )
    with opened(database) as store, store.snapshot() as snapshot:
        found = list(snapshot.entries(query))
        erased = 0 if found or actor is None else snapshot.erased_subjects()
    if as_json:
        print_json({"entries": [summary(entry) for entry in found]})
    elif not found:
        typer.echo(no_entries("that fit", erased), err=True)
    else:
        for shown in found:
            typer.echo(_line(shown))
    raise typer.Exit(0 if found else 1)


@app.command(name="export")
def export_entries(
    form: Annotated[Format, typer.Option("--format", help="json, jsonl, csv, or bundle: with proofs.")] = Format.JSONL,
    output: Annotated[Path | None, typer.Option(help="File to write; by default standard output.")] = None,
    actor: Actor = None,
    resource: Resource = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    mentions: Mentions = None,
    payloads: Annotated[bool, typer.Option(help="Write payloads and salts, too (not in CSV).")] = True,
    database: Database = None,
) -> None:
    """Export entries, oldest first; a bundle proves them to strangers (driftline ledger check-bundle)."""
    query = replace(query_of(actor, resource, action, since, until, mentions), limit=None)
    with opened(database) as store, store.snapshot() as snapshot:
        pieces: Iterator[str]
        if form is Format.BUNDLE:
            if mentions is not None:
                raise typer.BadParameter("a bundle proves what the leaves say; what payloads mention is not in them")
            pieces = map(bytes.decode, bundle_of(snapshot, query, payloads=payloads))
        else:
            pieces = export(snapshot.entries(query), form, payloads=payloads)
        if output is None:
            for piece in pieces:
                typer.echo(piece, nl=False)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        except OSError as error:
            raise ConfigurationError(f"cannot write {output}: {error.strerror}") from error


@app.command()
def entry(
    entry_id: Annotated[str, typer.Argument(help="Id of the entry.")], archive: Archive = None, database: Database = None
) -> None:
    """Show one entry in full, as JSON; its payload from the archive, if it is there, or which entry erased it, and when."""
    with opened(database) as store, store.snapshot() as snapshot:
        found, objects = pick(snapshot, entry_id, None), archive_at(archive)
        became = whereabouts(found, snapshot.withdrawal_of(found))
        if objects is not None and found.payload is None:
            payload, details = payload_from(objects, snapshot, found.seq) or (None, None)
            found = found._replace(payload=payload, details=details)
    print_json(view(found) | what_it_says(found.payload) | became)


@app.command()
def keygen(
    file: Annotated[Path, typer.Option("--file", envvar=KEY_VARIABLE, help="Where to write the key; made with mode 0600.")],
    name: Annotated[
        str, typer.Option(help="Name of the log, without spaces and '+': a host and path of yours.")
    ] = DEFAULT_NAME,
    post_quantum: Annotated[
        bool, typer.Option("--post-quantum", help="Make a key of ML-DSA-44, too, that cosigns each head (.cosigner).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the key that a ledger signs with, and beside it the verifier key (.vkey) to hand to anybody."""
    key = SigningKey(name, os.urandom(32))
    write_secret(file, key.encode() + "\n")
    beside = vkey_file(file)
    beside.write_text(key.verifier.encode() + "\n", encoding="utf-8")
    cosigner = make_cosigner(file, name) if post_quantum else None
    if as_json:
        more = {} if cosigner is None else {"cosigner_vkey": cosigner.encode()}
        print_json({"file": str(file), "vkey_file": str(beside), "vkey": key.verifier.encode(), **more})
        return
    typer.echo(f"{file} holds the signing key; keep it secret and backed up")
    typer.echo(f"verifier key ({beside}): {key.verifier.encode()}")
    if cosigner is not None:
        typer.echo(f"verifier key of ML-DSA-44, for policies: {vkey_file(cosigner_file(file))}")


def _tell_trail(found: Trail) -> None:
    for shown in found.entries:
        typer.echo(_line(shown))
    told = amount(len(found.entries), "entry")
    if found.broken_at is None:
        typer.echo(f"{told}; nothing is missing between them")
    else:
        typer.echo(f"{told}; entry {found.broken_at} does not continue the trail: run `driftline ledger verify`")


def _line(shown: StoredEntry) -> str:
    who = shown.actor_name or shown.actor
    what = f"{shown.seq:8} {iso_time(shown.ts)} {shown.action} by {who} on {shown.resource_type}/{shown.resource_id}"
    if (severity := severity_of(shown.payload)) is not None:
        what += f": {severity}"
    return what if shown.superseded_by is None else f"{what} (rolled back by {shown.superseded_by})"
