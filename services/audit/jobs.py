"""Verification without being asked: the whole ledger at level full, from time to time, told when it fails."""

import threading
from pathlib import Path

import structlog

from driftline.clock import Clock
from driftline.errors import DriftlineError
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import RollbackDetected
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Finding, FindingKind, Level, Report, Verdict
from driftline.ledger.rows import EVERYTHING, Span
from driftline.ledger.store import LastSigned, LedgerStore, verify_store
from driftline.runtime.health_events import HealthEvents
from services.audit import metrics

CORRUPT = "ledger_corrupt"
ROLLBACK = "ledger_rollback_detected"

log = structlog.get_logger("driftline.audit")


class Verifier:
    """Verifies one ledger with its own key and the file of the last signed head."""

    def __init__(self, store: LedgerStore, key: VerifierKey, signed_file: Path) -> None:
        self._store = store
        self._key = key
        self._signed = LastSigned(signed_file, key)

    def verify(self, level: Level, span: Span = EVERYTHING) -> Report:
        """Verify now. Raises RollbackDetected for a last-signed file that is not this ledger's, LedgerUnavailable."""
        last = self._signed.read()  # before the entries: what was signed by now must be among them
        trusted = [] if last is None else [SignedHead(last.size, last.root, "last-signed file")]
        return verify_store(self._store, level, key=self._key, trusted=trusted, span=span)


class VerificationJob:
    """A part of the process: verifies at the start and then every `every_us` microseconds."""

    def __init__(self, verifier: Verifier, events: HealthEvents, clock: Clock, *, origin: str, every_us: int) -> None:
        self._verifier = verifier
        self._events = events
        self._clock = clock
        self._origin = origin
        self._every_us = every_us
        self._stop = threading.Event()

    def run(self) -> None:
        """Verify when it is time, until told to stop."""
        metrics.VERIFY_TIME.set(self._clock.now_us() / 1e6)
        while not self._stop.is_set():
            if self._every_us:
                self.look()
            self._stop.wait(self._every_us / 1e6 if self._every_us else None)

    def stop(self) -> None:
        """End; a verification under way is finished."""
        self._stop.set()

    def look(self) -> Finding | None:
        """Verify once and tell what was found; returns the first finding."""
        began = self._clock.now_us()
        first, findings = self._findings()
        ended = self._clock.now_us()
        metrics.VERIFY_OK.set(first is None)
        metrics.VERIFY_FINDINGS.set(findings)
        metrics.VERIFY_TIME.set(ended / 1e6)
        metrics.VERIFY_SECONDS.set((ended - began) / 1e6)
        if first is None:
            self._events.clear(CORRUPT, self._origin)
        else:
            tell_corruption(self._events, self._origin, first, findings)
        return first

    def _findings(self) -> tuple[Finding | None, int]:
        try:
            report = self._verifier.verify(Level.FULL)
        except RollbackDetected as error:
            return Finding(None, FindingKind.CHECKPOINT_INVALID, str(error)), 1
        if report.verdict is Verdict.TAMPERED:
            return report.first_bad, report.invalid_entries
        log.info("\u2713 Chain verified", entries=report.entries, invalid=0, breaks=0, signed=report.signed_size)
        return None, 0


def tell_corruption(events: HealthEvents, origin: str, first: Finding, findings: int) -> None:
    """Raise the alarm: log and health event, CRITICAL."""
    place = "the log" if first.sequence is None else f"entry {first.sequence}"
    detail = (
        f"ALERT: audit log corruption detected! {findings} findings, first at {place}: {first.kind.value}: {first.detail}. "
        "Stop whoever can write the database, keep a copy of it, and run `driftline ledger verify --level source`."
    )
    log.error(
        "ALERT: Audit log corruption detected!", findings=findings, first=place, kind=first.kind.value, detail=first.detail
    )
    events.open(CORRUPT, origin, severity="CRITICAL", detail=detail, labels={"log": origin, "kind": first.kind.value})


def tell_rollback(events: HealthEvents, origin: str, error: DriftlineError) -> None:
    """Say that the database lies behind what was signed."""
    log.error("ledger rollback detected", detail=str(error))
    events.open(ROLLBACK, origin, severity="CRITICAL", detail=str(error), labels={"log": origin})
