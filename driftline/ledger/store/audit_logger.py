"""The ledger for people without Kafka: `HashChainAuditLogger` appends to the same tables, and everything else reads them.

    audit = HashChainAuditLogger("sqlite:///audit_log.db")
    audit.append_entry("DEPLOY", "ml_platform", "model", "fraud-v3", {"stage": "production"})

`driftline ledger verify | export | prove ...` work on its database.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from driftline.clock import Clock, SystemClock
from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.entries import Query, Statistics, StoredEntry, id_text
from driftline.ledger.errors import LeafMalformed, LedgerUnavailable
from driftline.ledger.export import Format, export
from driftline.ledger.heads import SignedHead
from driftline.ledger.leaf import canonical
from driftline.ledger.report import Level, Report, Verdict
from driftline.ledger.rollback import rollback_draft
from driftline.ledger.store.engine import database_url as parsed_url
from driftline.ledger.store.proving import bundle_of, receipt_of
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.store.signed import LastSigned, signed_file
from driftline.ledger.store.verification import verify_store
from driftline.ledger.store.writer import LedgerWriter, open_writer
from driftline.ledger.withdrawal import Withdrawals

__all__ = ["AuditEntry", "HashChainAuditLogger", "get_audit_logger"]

DEFAULT_URL: Final = "sqlite:///audit_log.db"
DEFAULT_NAME: Final = "driftline.local/audit"
log = logging.getLogger("driftline.ledger")
_RESERVED: Final = "ledger."
_HASH: Final = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry with its data as JSON values; hashes are hex, `timestamp` is microseconds since 1970 UTC."""

    sequence: int
    entry_id: str
    timestamp: int
    action: str
    actor: str
    resource_type: str
    resource_id: str
    data: Any
    data_hash: str
    entry_hash: str
    previous_hash: str
    details: Any
    superseded_by: int | None
    """Sequence of the rollback that took the entry out of force."""
    withdrawn_by: int | None = None
    """Sequence of the entry by which the data was erased or archived; None where it is here."""


class HashChainAuditLogger:
    """Appends to one ledger and asks it; safe for several threads, and several processes may share the database.

    `key_file` signs its heads. With SQLite it is by default the database's name with `.key`, and is made with the database:
    whoever holds both can rewrite history, so keep the key elsewhere where that matters. `pool_...` and `max_overflow` are
    SQLAlchemy's.
    """

    def __init__(
        self,
        database_url: str = DEFAULT_URL,
        *,
        key_file: Path | str | None = None,
        name: str = DEFAULT_NAME,
        clock: Clock | None = None,
        **pool: Any,
    ) -> None:
        """Open or create the ledger; raises LedgerUnavailable, KeyMalformed, RollbackDetected."""
        path = _key_path(database_url, key_file)
        key = SigningKey.parse(path.read_text(encoding="utf-8")) if path.exists() else _new_key(database_url, path, name)
        self._open: LedgerWriter | None
        self._open, _ = open_writer(database_url, key, signed_path=signed_file(path), random=os.urandom, pool=pool)
        self._key = key.verifier
        self._signed = LastSigned(signed_file(path), key.verifier)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        log.info("Audit logger initialized with %s", parsed_url(database_url).render_as_string(hide_password=True))

    @property
    def closed(self) -> bool:
        """Whether `close` was called: then it neither appends nor reads."""
        return self._open is None

    def append_entry(  # noqa: PLR0917 - what happened, read like a sentence
        self,
        action: str,
        actor: str,
        resource_type: str,
        resource_id: str,
        data: object,
        details: Mapping[str, object] | None = None,
    ) -> str:
        """Append, durably and signed; returns the entry's id. `data` and `details` are JSON values.

        Raises ValueError without action or actor and for an action that begins with `ledger.`, LeafMalformed for what JSON
        cannot say, such as NaN.
        """
        if not action or not actor:
            raise ValueError("an entry needs an action and an actor")
        if action.startswith(_RESERVED):
            raise ValueError(f"actions that begin with {_RESERVED} are the ledger's own")
        entry_id = uuid.uuid4()
        self._append(
            Draft(
                entry_id=entry_id.bytes,
                action=action,
                actor=actor,
                resource_type=resource_type,
                resource_id=resource_id,
                event_ts=None,
                payload=_payload(data),
                details=None if details is None else _payload(dict(details)),
                salt=os.urandom(32),
                source=None,
            )
        )
        log.info("Appended audit entry %s: %s by %s on %s/%s", entry_id, action, actor, resource_type, resource_id)
        return str(entry_id)

    def get_entry(self, entry_id: str) -> AuditEntry | None:
        """Return one entry, None if there is none."""
        with self._writer.store.snapshot() as snapshot:
            found = _find(snapshot, entry_id)
            return None if found is None else _audit_entries(snapshot, [found])[0]

    def verify_chain(self, since: int | None = None, until: int | None = None) -> Report:
        """Verify chain, tree, signatures, columns and payloads, of everything or of the times [since, until) in microseconds.

        Of times, the entries next to them are verified as well: they show that nothing between is missing. The report has
        `valid`, `size` (of the log), `entries` (verified), `invalid_entries`, `chain_breaks`.
        """
        last = self._signed.read()  # before the entries: what was signed by now must be among them
        trusted = [] if last is None else [SignedHead(last.size, last.root, "last-signed file")]
        with self._writer.store.snapshot() as snapshot:
            span = snapshot.span_of(since, until)
        report = verify_store(self._writer.store, Level.FULL, key=self._key, trusted=trusted, span=span)
        counts = (report.entries, report.invalid_entries, report.chain_breaks)
        if report.verdict is not Verdict.TAMPERED:
            log.info("\u2713 Chain verified: %d entries, %d invalid, %d breaks", *counts)
        else:
            log.error("ALERT: Audit log corruption detected! Chain invalid: %d entries, %d invalid, %d breaks", *counts)
        return report

    def export_chain(self, form: str = "json") -> str:
        """Return all entries as `json`, `jsonl`, `csv` or `bundle` (with proofs); raises ValueError for another word."""
        if form not in set(Format):
            raise ValueError(f"{form!r} is no form of an export; write {', '.join(Format)}")
        with self._writer.store.snapshot() as snapshot:
            if Format(form) is Format.BUNDLE:
                return b"".join(bundle_of(snapshot, Query(limit=None), payloads=True)).decode()
            return "".join(export(snapshot.entries(Query(limit=None)), Format(form)))

    def get_receipt(self, entry_id: str) -> bytes | None:
        """Return a C2SP tlog-proof of one entry with its payload, None if there is none."""
        with self._writer.store.snapshot() as snapshot:
            found = _find(snapshot, entry_id)
            return None if found is None else receipt_of(snapshot, found, payload=True).encode()

    def rollback_to_hash(self, entry_hash: str, *, actor: str, reason: str) -> tuple[bool, int]:
        """Take everything after an entry out of force, by an entry of its own: nothing is removed.

        Returns whether there is such an entry, and how many are newly out of force; raises ValueError without actor or reason.
        """
        if not _HASH.fullmatch(entry_hash):
            return False, 0
        with self._lock, self._writer.store.snapshot() as snapshot:
            target = snapshot.sequence_of(bytes.fromhex(entry_hash))
            before = _out_of_force(snapshot)
        if target is None:
            return False, 0
        draft = rollback_draft(
            target,
            bytes.fromhex(entry_hash),
            log=self._writer.store.origin,
            actor=actor,
            reason=reason,
            entry_id=uuid.uuid4().bytes,
            salt=os.urandom(32),
        )
        self._append(draft)
        with self._writer.store.snapshot() as snapshot:
            return True, len(_out_of_force(snapshot) - before)

    def get_actor_trail(self, actor: str, *, limit: int | None = None, effective: bool = False) -> list[AuditEntry]:
        """Return what one actor did, oldest first; `effective` leaves out what was rolled back."""
        return self._entries(Query(actor=actor, limit=limit, effective=effective))

    def get_resource_trail(
        self, resource_type: str, resource_id: str, *, limit: int | None = None, effective: bool = False
    ) -> list[AuditEntry]:
        """Return what happened to one resource, oldest first; `effective` leaves out what was rolled back."""
        return self._entries(Query(resource=(resource_type, resource_id), limit=limit, effective=effective))

    def get_entries(self, query: Query) -> list[AuditEntry]:
        """Return the entries that fit."""
        return self._entries(query)

    def get_statistics(self) -> Statistics:
        """Count entries, actors, resources, actions."""
        with self._writer.store.snapshot() as snapshot:
            return snapshot.statistics()

    def close(self) -> None:
        """Let the database go; whatever is asked after that raises LedgerUnavailable."""
        with self._lock:
            if self._open is not None:
                self._open.store.close()
            self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _writer(self) -> LedgerWriter:
        if self._open is None:
            raise LedgerUnavailable("this audit logger is closed; open a new one on the same database")
        return self._open

    def _append(self, draft: Draft) -> None:
        with self._lock:
            self._writer.append([draft], [], now=self._clock.now_us())

    def _entries(self, query: Query) -> list[AuditEntry]:
        with self._writer.store.snapshot() as snapshot:
            return _audit_entries(snapshot, list(snapshot.entries(query)))


_loggers: Final[dict[str, HashChainAuditLogger]] = {}
_loggers_lock: Final = threading.Lock()


def get_audit_logger(database_url: str | None = None) -> HashChainAuditLogger:
    """Return the one logger of this process for a database; by default that of `AUDIT_DB_URL`, or `audit_log.db` here.

    One that was closed is opened again.
    """
    url = database_url or os.environ.get("AUDIT_DB_URL") or DEFAULT_URL
    with _loggers_lock:
        found = _loggers.get(url)
        if found is None or found.closed:
            found = _loggers[url] = HashChainAuditLogger(url)
        return found


def _key_path(database_url: str, given: Path | str | None) -> Path:
    if given is not None:
        return Path(given)
    url = parsed_url(database_url)
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        raise LedgerUnavailable("give key_file: the key of a ledger stands beside its database only with SQLite")
    return Path(f"{url.database}.key")


def _new_key(database_url: str, path: Path, name: str) -> SigningKey:
    """Make the key of a new ledger; one that has entries keeps its own."""
    database = parsed_url(database_url).database
    if database and Path(database).exists():
        raise LedgerUnavailable(
            f"{path} is gone, with which the ledger {database} signs: put it back, or name it with key_file"
        )
    key = SigningKey(name, os.urandom(32))
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key.encode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    path.with_name(path.name + ".vkey").write_text(key.verifier.encode() + "\n", encoding="utf-8")
    return key


def _find(snapshot: Snapshot, entry_id: str) -> StoredEntry | None:
    try:
        return snapshot.entry(uuid.UUID(entry_id).bytes)
    except ValueError:  # no id at all is an entry that is not there
        return None


def _payload(value: object) -> bytes:
    """Canonical JSON; what it would quietly turn into null is refused."""
    found = canonical(value)
    try:
        json.dumps(value, allow_nan=False, default=str)
    except ValueError as error:
        raise LeafMalformed("no canonical form: NaN and infinity are no JSON; write None or a text") from error
    return found


def _out_of_force(snapshot: Snapshot) -> set[int]:
    return {seq for span in snapshot.superseded() for seq in range(span.first, span.end)}


def _audit_entries(snapshot: Snapshot, entries: Sequence[StoredEntry]) -> list[AuditEntry]:
    gone = [entry for entry in entries if entry.payload is None]
    said = Withdrawals(snapshot.withdrawals() if gone else ())
    took = {entry.seq: said.took(entry.seq, salted=entry.salt is not None) for entry in gone}
    return [_audit_entry(entry, took.get(entry.seq)) for entry in entries]


def _audit_entry(entry: StoredEntry, withdrawn_by: int | None) -> AuditEntry:
    return AuditEntry(
        sequence=entry.seq,
        entry_id=id_text(entry.entry_id),
        timestamp=entry.ts,
        action=entry.action,
        actor=entry.actor_name or entry.actor,
        resource_type=entry.resource_type,
        resource_id=entry.resource_id,
        data=_json(entry.payload),
        data_hash=entry.data_hash.hex(),
        entry_hash=entry.entry_hash.hex(),
        previous_hash=entry.previous_hash.hex(),
        details=_json(entry.details),
        superseded_by=entry.superseded_by,
        withdrawn_by=withdrawn_by,
    )


def _json(data: bytes | None) -> Any:
    """Return JSON as values; other bytes (records of topics) as they are."""
    try:
        return None if data is None else orjson.loads(data)
    except ValueError:
        return data
