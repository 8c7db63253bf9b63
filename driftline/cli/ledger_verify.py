"""`driftline ledger verify`: how deep, over which entries, and what was found."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.inputs import text_of
from driftline.cli.ledger_inputs import (
    KEY_VARIABLE,
    Archive,
    Database,
    Json,
    Key,
    SignedFile,
    archive_at,
    opened,
    print_json,
    time_at,
    verifier_key,
)
from driftline.cli.ledger_witnessed import (
    Anchor,
    PolicyFile,
    anchored,
    ask_witnesses,
    tell_witnessed,
    witnessed_json,
)
from driftline.ledger.checkpoint import VerifierKey, open_checkpoint
from driftline.ledger.errors import LedgerUnavailable, NoteMalformed, RollbackDetected, SignatureInvalid
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Finding, FindingKind, Level, Report, Verdict
from driftline.ledger.rows import ENDLESS, Span
from driftline.ledger.store import Effort, LastSigned, LedgerStore, signed_file, verify_store
from driftline.ledger.store.objects import Objects
from driftline.ledger.witnessed import vouched
from driftline.wording import amount

app = typer.Typer()


@app.command()
def verify(
    level: Annotated[
        Level,
        typer.Option(
            help="hash: chain and tree; full: every column and payload; source: every Kafka record; witness: full, and what a quorum of witnesses cosigned."
        ),
    ] = (Level.FULL),
    first: Annotated[int | None, typer.Option("--from", min=0, help="Only from this sequence on.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=0, help="Only up to this sequence, and with it.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this time on (2026-03-01T00:00:00Z).")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this time.")] = None,
    since_checkpoint: Annotated[
        Path | None,
        typer.Option(help="Only what came after this signed checkpoint, which you trust, and that it came after it."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes for a large ledger; by default one per core.")] = None,
    database: Database = None,
    key: Key = None,
    last_signed: SignedFile = None,
    archive: Archive = None,
    policy: PolicyFile = None,
    anchor: Anchor = None,
    as_json: Json = False,
) -> None:
    """Verify the ledger or a part of it; exit 0 valid, 1 tampering, 2 cannot be verified."""
    began = time.monotonic()
    with opened(database) as store, _progress() as progress:
        verifier = verifier_key(key)
        trusted, stray = _trusted(last_signed, verifier)
        trusted += anchored(anchor, verifier)
        witnessed = None
        if level is Level.WITNESS:
            witnessed, heads = ask_witnesses(store, verifier, policy_file=policy, anchor=anchor)
            trusted += heads
        if since_checkpoint is not None:
            trusted.append(_trusted_checkpoint(since_checkpoint, verifier))
        span = _span(store, first, last, since, until, trusted[-1] if since_checkpoint is not None else None)
        objects = archive_at(archive)
        if level is Level.SOURCE:
            report = _against_kafka(store, verifier, trusted, span, objects)
        else:
            effort = Effort(jobs=jobs or len(os.sched_getaffinity(0)), progress=progress)
            deep = level if witnessed is None else Level.FULL
            report = verify_store(store, deep, key=verifier, trusted=trusted, span=span, archive=objects, effort=effort)
            report = report if witnessed is None else vouched(report, witnessed)
    raise _said(report, time.monotonic() - began, stray, as_json=as_json, opened_archive=objects is not None)


def _against_kafka(
    store: LedgerStore, key: VerifierKey | None, trusted: list[SignedHead], span: Span, archive: Objects | None
) -> Report:
    """Verify at level source; only this needs the Kafka client."""
    from driftline.kafka.confluent import ConfluentCluster
    from driftline.runtime.ledger_source import verify_source

    return verify_source(store, ConfluentCluster.from_environment(), key=key, trusted=trusted, span=span, archive=archive)


@contextmanager
def _progress() -> Iterator[Any]:
    """Show on a terminal how far a verification is."""
    shown = sys.stderr.isatty()
    yield lambda done, everything: shown and sys.stderr.write(f"\r{done:,} of {everything:,} entries")
    if shown:
        sys.stderr.write("\r\x1b[K")


def _span(
    store: LedgerStore, first: int | None, last: int | None, since: str | None, until: str | None, head: SignedHead | None
) -> Span:
    """Return the entries that are asked for, in one of three ways."""
    ways = [(first, last) != (None, None), (since, until) != (None, None), head is not None]
    if sum(ways) > 1:
        raise typer.BadParameter("give a range of sequences, or of times, or a checkpoint, not several of them")
    if head is not None:
        return Span(head.size)
    if ways[1]:
        with store.snapshot() as snapshot:
            return snapshot.span_of(time_at(since), time_at(until))
    return Span(first or 0, ENDLESS if last is None else last + 1)


def _trusted(given: Path | None, key: VerifierKey | None) -> tuple[list[SignedHead], Finding | None]:
    """The head of the last-signed file; a file that is none of this log's heads is a finding of its own."""
    key_file = os.environ.get(KEY_VARIABLE)
    path = given or (signed_file(Path(key_file)) if key_file else None)
    if path is None or key is None:
        return [], None
    try:
        last = LastSigned(path, key).read()
    except RollbackDetected as error:
        return [], Finding(None, FindingKind.CHECKPOINT_INVALID, str(error))
    if last is None:
        if given is not None:
            raise LedgerUnavailable(f"there is no file {given} with the last signed head")
        return [], None
    return [SignedHead(last.size, last.root, f"last-signed file {path}")], None


def _trusted_checkpoint(file: Path, key: VerifierKey | None) -> SignedHead:
    """A checkpoint that the caller kept; what is none by this key cannot be verified against."""
    if key is None:
        raise LedgerUnavailable("a checkpoint says nothing without the verifier key: give it with --key")
    try:
        head = open_checkpoint(text_of(file), key)
    except (NoteMalformed, SignatureInvalid) as error:
        raise LedgerUnavailable(f"{file} is no checkpoint of this ledger: {error}") from error
    return SignedHead(head.size, head.root, f"checkpoint {file}")


def _said(report: Report, seconds: float, stray: Finding | None, *, as_json: bool, opened_archive: bool) -> typer.Exit:
    """Print what was found, and return what the command ends with."""
    if as_json:
        print_json(_as_json(report, seconds, stray))
    else:
        _tell(report, seconds, stray, opened_archive=opened_archive)
    tampered = report.verdict is Verdict.TAMPERED or stray is not None
    return typer.Exit(1 if tampered else 0 if report.valid else 2)


def _as_json(report: Report, seconds: float, stray: Finding | None) -> dict[str, Any]:
    first = report.first_bad or stray
    source = report.source
    return {
        "verdict": (Verdict.TAMPERED if stray else report.verdict).value,
        "level": report.level.value,
        "from": report.first,
        "entries": report.entries,
        "head": {"size": report.size, "root": report.root.hex(), "signed_size": report.signed_size},
        "first_bad": None if first is None else {"sequence": first.sequence, "kind": first.kind.value, "detail": first.detail},
        "invalid_entries": report.invalid_entries,
        "chain_breaks": report.chain_breaks,
        "findings": [{"sequence": f.sequence, "kind": f.kind.value, "detail": f.detail} for f in report.findings],
        "source": None if source is None else {name: getattr(source, name) for name in source.__slots__},
        "duplicates": list(report.duplicates),
        "erased": report.erased,
        "archived": report.archived,
        "unread": list(report.unread),
        "witnessed": None if report.witnessed is None else witnessed_json(report, report.witnessed),
        "seconds": round(seconds, 3),
    }


def _some_of_each_kind(findings: Sequence[Finding]) -> list[Finding]:
    """At most 20 findings, or five of each kind: many of one must not hide the others."""
    if len(findings) <= 20:
        return list(findings)
    kinds: Counter[FindingKind] = Counter()
    shown = []
    for finding in findings:
        kinds[finding.kind] += 1
        if kinds[finding.kind] <= 5:
            shown.append(finding)
    return shown


def _tell(report: Report, seconds: float, stray: Finding | None, *, opened_archive: bool) -> None:
    rate = f" in {seconds:.1f} s"
    findings = [*report.findings, *([stray] if stray else [])]
    if findings:
        typer.echo(
            f"TAMPERED: {amount(report.entries, 'entry')}, {report.invalid_entries} invalid, {amount(report.chain_breaks, 'break')}{rate}"
        )
        shown = _some_of_each_kind(findings)
        for finding in shown:
            place = "the log" if finding.sequence is None else f"entry {finding.sequence}"
            typer.echo(f"  {place}: {finding.kind.value}: {finding.detail}")
        if report.invalid_entries > len(shown):
            typer.echo(f"  ... and {report.invalid_entries - len(shown)} more")
    elif report.verdict is Verdict.VALID:
        part = f" from {report.first} on" if report.first or report.entries < report.size else ""
        typer.echo(
            f"valid: {amount(report.entries, 'entry')}{part} verified at level {report.level.value}{rate}, 0 invalid, 0 breaks"
        )
    else:
        typer.echo(f"unverifiable: {report.unvouched}")
        if not report.signed_size:
            typer.echo(f"  give the verifier key with --key, or set {KEY_VARIABLE}")
    typer.echo(f"head: {amount(report.size, 'entry')}, {report.signed_size} signed, root {report.root.hex()}")
    _tell_payloads(report, opened_archive=opened_archive)
    if report.witnessed is not None:
        tell_witnessed(report, report.witnessed)
    if report.source is not None:
        counts = ", ".join(f"{getattr(report.source, name)} {name}" for name in report.source.__slots__)
        typer.echo(f"source: {counts}")
    for line in report.duplicates[:20]:
        typer.echo(f"  {line}")
    if len(report.duplicates) > 20:
        typer.echo(f"  ... and {report.source.duplicates - 20 if report.source else 0} more: --json")


def _tell_payloads(report: Report, *, opened_archive: bool) -> None:
    if report.erased or report.archived:
        typer.echo(f"payloads: {report.erased} erased, {report.archived} archived, each by an entry that says so")
    if report.archived and not opened_archive:
        typer.echo("  what is archived was not opened: say where it is with --archive")
