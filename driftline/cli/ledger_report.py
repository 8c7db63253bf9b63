"""`driftline ledger report | review`: what the ledger shows of a regime, and that somebody examined it."""

import os
import uuid
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.ledger_inputs import (
    Archive,
    By,
    Database,
    Json,
    Key,
    SignedFile,
    SigningKeyFile,
    Since,
    Until,
    archive_at,
    opened,
    opened_to_write,
    print_json,
    said,
    time_at,
    verifier_key,
    write,
)
from driftline.clock import SystemClock
from driftline.ledger.compliance import Assessment, RegimeName, assess
from driftline.ledger.compliance_page import as_json, page
from driftline.ledger.report import Level, Verdict
from driftline.ledger.requirements import State
from driftline.ledger.review import review_draft
from driftline.ledger.store import verify_store
from driftline.ledger.store.assessing import evidence_of
from driftline.wording import amount

app = typer.Typer()


@app.command()
def report(
    regime: Annotated[RegimeName, typer.Option(help="For whom.")],
    since: Since = None,
    until: Until = None,
    html: Annotated[Path | None, typer.Option(help="Write it as a page to this file.")] = None,
    key: Key = None,
    archive: Archive = None,
    database: Database = None,
    as_data: Json = False,
) -> None:
    """Show what the ledger has of what a regime asks for, and list what is missing; exit 1 if anything is."""
    now = SystemClock().now_us()
    with opened(database) as store:
        checked = verify_store(store, Level.FULL, key=verifier_key(key), archive=archive_at(archive))
        with store.snapshot() as snapshot:
            evidence = evidence_of(snapshot, store.origin, checked, now=now, since=time_at(since), until=time_at(until))
    found = assess(regime, evidence)
    if html is not None:
        write(html, page(found).encode())
    if as_data:
        print_json(as_json(found))
    else:
        _tell(found)
    raise typer.Exit(1 if found.missing else 0)


def _tell(found: Assessment) -> None:
    typer.echo(f"{found.title}: {amount(found.evidence.entries, 'entry')} of {found.evidence.log}")
    if found.alarm is not None:
        typer.echo(found.alarm)
    for one in found.findings:
        typer.echo(f"  {one.state.value:9} {one.asks} ({one.source}): {one.said}")
    counts = ", ".join(f"{sum(one.state is state for one in found.findings)} {state.value}" for state in State)
    typer.echo(f"{counts}; this is no statement of compliance")


@app.command()
def review(
    actor: By,
    reason: Annotated[str, typer.Option(help="What you looked at, and what you think of it.", callback=said)],
    key_file: SigningKeyFile,
    archive: Archive = None,
    last_signed: SignedFile = None,
    database: Database = None,
    as_data: Json = False,
) -> None:
    """Verify the ledger and put on record that you examined it; exit 1 if it was tampered with (that is on record, too)."""
    with opened_to_write(database, key_file, last_signed) as writer:
        store = writer.store
        checked = verify_store(store, Level.FULL, key=verifier_key(None), archive=archive_at(archive))
        draft = review_draft(
            checked, log=store.origin, actor=actor, reason=reason, entry_id=uuid.uuid4().bytes, salt=os.urandom(32)
        )
        done = writer.append([draft], [], now=SystemClock().now_us())
    if as_data:
        print_json({"sequence": done.size - 1, "verdict": checked.verdict.value, "entries": checked.entries})
    else:
        typer.echo(
            f"entry {done.size - 1}: {actor} examined {amount(checked.entries, 'entry')}; verification said {checked.verdict.value}"
        )
    raise typer.Exit(1 if checked.verdict is Verdict.TAMPERED else 0)
