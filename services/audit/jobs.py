"""Verification without being asked: the ledger as deep as set, from time to time, told when it fails or cannot be made."""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from driftline.clock import Clock
from driftline.errors import DriftlineError, Unavailable
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import LedgerUnavailable, RollbackDetected
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Finding, FindingKind, Level, Report, Verdict, Witnessed
from driftline.ledger.rows import EVERYTHING, Span
from driftline.ledger.store import Effort, LastSigned, LedgerStore, Objects, verify_store
from driftline.ledger.witnessed import vouched
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.ledger_source import Cluster, verify_source
from driftline.wording import amount
from services.audit import metrics

CORRUPT = "ledger_corrupt"
ROLLBACK = "ledger_rollback_detected"
UNVERIFIED = "ledger_not_verified"
KEY_CHANGED = "the ledger has another key by now (driftline ledger rotate-key): this process ends, to be started again with it"
KEY_SECONDS = 1.0
AGAIN_SECONDS = 300.0
"""What could not be done is tried again after this time, or earlier if it is due earlier."""

log = structlog.get_logger("driftline.audit")

Gather = Callable[[], tuple[Witnessed, list[SignedHead]]]
"""Returns what witnesses vouch for, and every head that they have cosigned."""


class Verifier:
    """Verifies one ledger with its own key and the file of the last signed head.

    `archive`: where archived payloads are verified as well. `jobs`: processes for a large ledger. `cluster` is needed for level
    source, `gather` for level witness.
    """

    def __init__(
        self,
        store: LedgerStore,
        key: VerifierKey,
        signed_file: Path,
        *,
        archive: Objects | None = None,
        jobs: int = 1,
        cluster: Cluster | None = None,
        gather: Gather | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._signed = LastSigned(signed_file, key)
        self._archive = archive
        self._effort = Effort(jobs=jobs)
        self._cluster = cluster
        self._gather = gather

    def verify(self, level: Level, span: Span = EVERYTHING) -> Report:
        """Verify now. Raises RollbackDetected for a last-signed file that is not this ledger's, LedgerUnavailable, Unavailable."""
        last = self._signed.read()  # before the entries: what was signed by now must be among them
        trusted = [] if last is None else [SignedHead(last.size, last.root, "last-signed file")]
        if level is Level.SOURCE and self._cluster is not None:
            return verify_source(self._store, self._cluster, key=self._key, trusted=trusted, span=span, archive=self._archive)
        if level is Level.WITNESS and self._gather is not None:
            witnessed, heads = self._gather()
            return vouched(self._verified(Level.FULL, [*trusted, *heads], span), witnessed)
        return self._verified(level, trusted, span)

    def _verified(self, level: Level, trusted: list[SignedHead], span: Span) -> Report:
        return verify_store(
            self._store, level, key=self._key, trusted=trusted, span=span, archive=self._archive, effort=self._effort
        )


class VerificationJob:
    """A part of the process: verifies at the start and then every `every_us` microseconds."""

    def __init__(
        self,
        verifier: Verifier,
        events: HealthEvents,
        clock: Clock,
        *,
        origin: str,
        every_us: int,
        level: Level = Level.FULL,
        key_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`key_changed` tells whether the process runs with a key that is not the ledger's any more."""
        self._key_changed = key_changed
        self._verifier = verifier
        self._events = events
        self._clock = clock
        self._origin = origin
        self._every = every_us / 1e6
        self._level = level
        self._stop = threading.Event()

    def run(self) -> None:
        """Verify when it is time, until told to stop."""
        metrics.VERIFY_TIME.set(self._clock.now_us() / 1e6)
        metrics.VERIFY_INTERVAL.set(self._every)
        if not self._every:
            self._stop.wait()
        while not self._stop.is_set():
            done = self.look()
            self._stop.wait(self._every if done is not None else min(self._every, AGAIN_SECONDS))

    def stop(self) -> None:
        """End; a verification under way is finished."""
        self._stop.set()

    def look(self) -> Verdict | None:
        """Verify once and tell what was found; None where that could not be done."""
        began = self._clock.now_us()
        try:
            report = self._report()
        except RollbackDetected as error:
            if self._key_changed():
                log.warning(KEY_CHANGED)
                return None
            self._found(Finding(None, FindingKind.CHECKPOINT_INVALID, str(error)), 1, began)
            return Verdict.TAMPERED
        except (LedgerUnavailable, Unavailable) as error:
            self._not_verified(str(error))
            return None
        if report.verdict is Verdict.UNVERIFIABLE:
            self._not_verified(report.unvouched)
            return None
        if report.verdict is Verdict.VALID:
            log.info("\u2713 Chain verified", entries=report.entries, invalid=0, breaks=0, signed=report.signed_size)
        self._found(report.first_bad, report.invalid_entries, began)
        return report.verdict

    def _report(self) -> Report:
        """Verify; what was just written may have been signed by the second time."""
        report = self._verifier.verify(self._level)
        if report.verdict is Verdict.UNVERIFIABLE and not report.unread:
            return self._verifier.verify(self._level)
        return report

    def _found(self, first: Finding | None, findings: int, began: int) -> None:
        ended = self._clock.now_us()
        metrics.VERIFY_OK.set(first is None)
        metrics.VERIFY_FINDINGS.set(findings)
        metrics.VERIFY_TIME.set(ended / 1e6)
        metrics.VERIFY_SECONDS.set((ended - began) / 1e6)
        metrics.JOB_OK.labels(job="verification").set(1)
        self._events.clear(UNVERIFIED, self._origin)
        if first is None:
            self._events.clear(CORRUPT, self._origin)
        else:
            tell_corruption(self._events, self._origin, first, findings)

    def _not_verified(self, why: str) -> None:
        metrics.JOB_OK.labels(job="verification").set(0)
        metrics.JOB_FAILURES.labels(job="verification").inc()
        log.error("the ledger could not be verified", level=self._level.value, detail=why)
        self._events.open(
            UNVERIFIED,
            self._origin,
            severity="HIGH",
            detail=f"the ledger could not be verified at level {self._level.value}: {why}",
            labels={"log": self._origin},
        )


class KeyChanged(DriftlineError):
    """The ledger's key was changed while the process ran; start it again."""


class KeyWatch:
    """A part of the process: ends it when the ledger has another key."""

    def __init__(self, changed: Callable[[], bool]) -> None:
        self._changed = changed
        self._stop = threading.Event()

    def run(self) -> None:
        """Look until told to stop; raises KeyChanged."""
        while not self._stop.wait(KEY_SECONDS):
            if self._changed():
                raise KeyChanged(KEY_CHANGED)

    def stop(self) -> None:
        """End."""
        self._stop.set()


def tell_corruption(events: HealthEvents, origin: str, first: Finding, findings: int) -> None:
    """Raise the alarm: log and health event, CRITICAL."""
    place = "the log" if first.sequence is None else f"entry {first.sequence}"
    detail = (
        f"ALERT: audit log corruption detected! {amount(findings, 'finding')}, first at {place}: {first.kind.value}: {first.detail}. "
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
