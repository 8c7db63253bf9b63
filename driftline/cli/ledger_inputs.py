"""What the commands of `driftline ledger` take: the database, the verifier key, resources and times."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from sqlalchemy import Engine

from driftline.envelope import time_of
from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import SigningKey, VerifierKey
from driftline.ledger.entries import Query, StoredEntry
from driftline.ledger.errors import KeyMalformed, LedgerUnavailable
from driftline.ledger.store import LedgerStore, LedgerWriter, Snapshot, UrlObjects, open_store, open_writer, signed_file
from driftline.ledger.store.engine import BUSY_SECONDS, is_locked
from driftline.ledger.store.read_only import is_read_only

KEY_VARIABLE = "DRIFTLINE_LEDGER_KEY_FILE"
LARGEST_PROOF = 1 << 28

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="DRIFTLINE_DATABASE_URL",
        help="URL of the ledger's database; by default audit.db in DRIFTLINE_DATA_DIR.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="DRIFTLINE_LEDGER_VKEY", help=f"Verifier key, or a file with it; by default {KEY_VARIABLE}.vkey."
    ),
]

Actor = Annotated[str | None, typer.Option(help="Only this actor (name or pseudonym).")]
Resource = Annotated[str | None, typer.Option(help="Only this resource, as type/id.")]
Action = Annotated[str | None, typer.Option(help="Only this action, such as drift.detected.")]
Since = Annotated[str | None, typer.Option(help="Only from this time on (2026-03-01T00:00:00Z).")]
Until = Annotated[str | None, typer.Option(help="Only before this time.")]
Mentions = Annotated[
    str | None, typer.Option(help="Only where payload, key or headers contain this, such as an id that events share.")
]
Severity = Annotated[
    str | None,
    typer.Option(help="Only events that say they are MINIMAL, LOW, MEDIUM, HIGH or CRITICAL: alerts, drift, health."),
]

SigningKeyFile = Annotated[Path, typer.Option("--key-file", envvar=KEY_VARIABLE, help="Signing key of the ledger.")]
SignedFile = Annotated[
    Path | None,
    typer.Option(
        "--last-signed",
        envvar="DRIFTLINE_LEDGER_SIGNED_FILE",
        help="File with the last signed head; by default beside the key.",
    ),
]
Archive = Annotated[
    str | None,
    typer.Option(
        "--archive",
        envvar="DRIFTLINE_LEDGER_ARCHIVE_URL",
        help="URL of the archive of payloads, such as file:///archive or s3://bucket/ledger.",
    ),
]


def said(text: str) -> str:
    """Refuse an option that goes on record and says nothing."""
    if not text.strip():
        raise typer.BadParameter("says nothing; it goes on record")
    return text


By = Annotated[str, typer.Option("--actor", help="Who decides it.", callback=said)]
Reason = Annotated[str, typer.Option(help="Why.", callback=said)]

Effective = Annotated[bool, typer.Option("--effective", help="Without what a rollback took out of force.")]


def query_of(
    actor: str | None, resource: str | None, action: str | None, since: str | None, until: str | None, mentions: str | None
) -> Query:
    """Return what the options above ask for."""
    return Query(
        actor=actor,
        resource=None if resource is None else resource_of(resource),
        action=action,
        mentions=mentions,
        since=time_at(since),
        until=time_at(until),
    )


def vkey_file(key_file: Path) -> Path:
    """Where the verifier key of a signing key stands."""
    return key_file.with_name(key_file.name + ".vkey")


def database_url(given: str | None) -> str:
    """Return where the ledger is."""
    data = Path(os.environ.get("DRIFTLINE_DATA_DIR") or ".driftline")
    return given or f"sqlite:///{data / 'audit.db'}"


@contextmanager
def opened(database: str | None) -> Iterator[LedgerStore]:
    """Open the ledger that a command is about."""
    store = open_store(database_url(database))
    try:
        yield store
    finally:
        store.close()


def signing_key(file: Path) -> SigningKey:
    """Read the key that a ledger signs with."""
    try:
        return SigningKey.parse(_key_text(file))
    except OSError as error:
        raise ConfigurationError(f"cannot read the signing key {file}: {error.strerror}") from error


@contextmanager
def opened_to_write(database: str | None, key_file: Path, last_signed: Path | None) -> Iterator[LedgerWriter]:
    """Open the ledger that a command appends a decision to; one that is not there is not made."""
    key = signing_key(key_file)
    url = database_url(database)
    with closing(open_store(url, key.verifier.name)) as store:
        if is_read_only(store.engine.url):
            raise LedgerUnavailable(f"the ledger at {url} can only be read here: its file or folder cannot be written")
        say_if_locked(store.engine)
    writer, _ = open_writer(url, key, signed_path=last_signed or signed_file(key_file), random=os.urandom)
    try:
        yield writer
    finally:
        writer.store.close()


def say_if_locked(engine: Engine) -> None:
    """Say on standard error that a command waits, and how long, where another process writes to a SQLite ledger."""
    if is_locked(engine):
        typer.echo(f"another process writes to the ledger: waiting for it, at most {BUSY_SECONDS} seconds", err=True)


def archive_at(url: str | None) -> UrlObjects | None:
    """Open the archive, None without one."""
    return None if url is None else UrlObjects(url)


def verifier_key(given: str | None) -> VerifierKey | None:
    """Return the key to verify with: given as text or file, else what stands beside the signing key; None without any."""
    if given is not None:
        try:
            return VerifierKey.parse(_key_text(Path(given)) if _is_file(given) else given)
        except KeyMalformed as error:
            raise KeyMalformed(f"{error}; --key takes the .vkey of a ledger, or the text in it") from None
    key_file = os.environ.get(KEY_VARIABLE)
    if not key_file:
        return None
    vkey = vkey_file(Path(key_file))
    try:
        if vkey.exists():
            return VerifierKey.parse(_key_text(vkey))
        return SigningKey.parse(_key_text(Path(key_file))).verifier
    except OSError as error:
        raise KeyMalformed(f"cannot read {error.filename}: {error.strerror}") from error


def _key_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KeyMalformed(f"{file} holds no key of a ledger") from error


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except OSError:  # a key with several former ones below it is longer than a file name may be
        return False


def resource_of(text: str) -> tuple[str, str]:
    """Type and id of a resource."""
    kind, slash, resource_id = text.partition("/")
    if not slash or not kind or not resource_id:
        raise typer.BadParameter(f"{text!r} is no resource; write it as type/id, such as model/shop.churn")
    return kind, resource_id


def time_at(text: str | None) -> int | None:
    """Microseconds of a time."""
    if text is None:
        return None
    try:
        return time_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def print_json(value: object) -> None:
    """Print a result for programs."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def contents(file: Path) -> bytes:
    """Return what stands in a file that a command checks; raises ConfigurationError for one larger than any proof."""
    try:
        with file.open("rb") as opened_file:
            data = opened_file.read(LARGEST_PROOF + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    if len(data) > LARGEST_PROOF:
        raise ConfigurationError(f"{file} has more than the {LARGEST_PROOF} bytes of the largest proof")
    return data


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file that a command checks; one that is longer than any proof comes in pieces."""
    with file.open("rb") as opened_file:
        while line := opened_file.readline(LARGEST_PROOF):
            yield line


def pick(snapshot: Snapshot, entry_id: str | None, sequence: int | None) -> StoredEntry:
    """Return the entry that a command names by id or sequence; exits 1 if there is none."""
    if (entry_id is None) == (sequence is None):
        raise typer.BadParameter("name the entry by its id, or by --sequence N")
    found = snapshot.entry(_uuid(entry_id)) if entry_id is not None else snapshot.entry_at(sequence or 0)
    if found is None:
        typer.echo(f"driftline: there is no entry {sequence if entry_id is None else entry_id}", err=True)
        raise typer.Exit(1)
    return found


def _uuid(text: str) -> bytes:
    try:
        return UUID(text).bytes
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no entry id; it looks like 1d3f0c6e-5a5b-8c1d-9f0e-2b4c6d8e0f12") from None


def write(file: Path, data: bytes) -> None:
    """Write what a command made."""
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error


def write_secret(path: Path, text: str) -> None:
    """Write a key file that must not exist yet, readable by its owner only from its first byte."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists already; a key is kept, so move the file away if you mean it") from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
