"""What the service does without being asked: archive and erase payloads by retention, and report, on record; check kept messages.

Replicas may do so at once. What is due, each finds out again inside the transaction that puts it on record, so that it is done once.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import structlog

from driftline.clock import Clock
from driftline.errors import ConfigurationError, DriftlineError
from driftline.ledger.compliance import RegimeName
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid, ProofMalformed, RollbackDetected
from driftline.ledger.report import Report
from driftline.ledger.store import LedgerStore, LedgerWriter, Objects, UrlObjects, archiving, erasing
from driftline.ledger.store.erasing import Author
from driftline.ledger.store.keeping_messages import check_files
from driftline.ledger.store.reporting import write_report
from driftline.runtime.health_events import HealthEvents
from driftline.wording import amount
from services.audit import metrics
from services.audit.settings import UpkeepSettings

FAILED = "ledger_job_failed"
ACTOR = "service:audit"
AGAIN_US = 300_000_000
"""What failed is tried again after this time, or earlier if it is due earlier."""

TAMPERING = (ProofInvalid, ProofMalformed, RollbackDetected)
"""Failures that say that somebody changed what must not change."""

log = structlog.get_logger("driftline.audit")


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done every `every_us` microseconds."""

    name: str
    every_us: int
    work: Callable[[int], Iterator[int]]
    """Does what is due at a time, step by step; yields how much each step did. Raises DriftlineError."""


class Upkeep:
    """A part of the process: runs its jobs at the start and then when they are due, one after the other."""

    def __init__(self, jobs: Sequence[Job], events: HealthEvents, clock: Clock) -> None:
        self._due = dict.fromkeys(jobs, 0)
        self._events = events
        self._clock = clock
        self._stop = threading.Event()

    def run(self) -> None:
        """Look every second until told to stop."""
        while not self._stop.is_set():
            self.look()
            self._stop.wait(1.0)

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()

    def look(self) -> None:
        """Run the jobs that are due."""
        for job, due in self._due.items():
            if due <= (now := self._clock.now_us()) and not self._stop.is_set():
                again_us = job.every_us if self._run(job, now) else min(job.every_us, AGAIN_US)
                self._due[job] = now + again_us

    def _run(self, job: Job, now: int) -> bool:
        done = 0
        try:
            for count in job.work(now):
                done += count
                metrics.JOB_DONE.labels(job=job.name).inc(count)
                if self._stop.is_set():
                    break
        except DriftlineError as error:
            self._failed(job, done, error)
            return False
        ended = self._clock.now_us()
        metrics.JOB_OK.labels(job=job.name).set(1)
        metrics.JOB_TIME.labels(job=job.name).set(ended / 1e6)
        metrics.JOB_SECONDS.labels(job=job.name).set((ended - now) / 1e6)
        log.info("ledger job done", job=job.name, done=done)
        self._events.clear(FAILED, job.name)
        return True

    def _failed(self, job: Job, done: int, error: DriftlineError) -> None:
        metrics.JOB_OK.labels(job=job.name).set(0)
        metrics.JOB_FAILURES.labels(job=job.name).inc()
        log.error("ledger job failed", job=job.name, done=done, detail=str(error))
        severity: Literal["HIGH", "CRITICAL"] = "CRITICAL" if isinstance(error, TAMPERING) else "HIGH"
        detail = f"the job {job.name} of the ledger failed: {error}"
        self._events.open(FAILED, job.name, severity=severity, detail=detail, labels={"job": job.name})


def scheduled(
    settings: UpkeepSettings, writer: LedgerWriter, verify: Callable[[], Report], archive: Objects | None
) -> list[Job]:
    """Return what is done with payloads by schedule; raises ConfigurationError for a job without its place."""
    jobs = []
    if settings.ledger_archive_seconds:
        if archive is None:
            raise ConfigurationError("DRIFTLINE_LEDGER_ARCHIVE_SECONDS needs DRIFTLINE_LEDGER_ARCHIVE_URL, where payloads go")
        jobs.append(archive_job(writer, archive, round(settings.ledger_archive_seconds * 1e6)))
    if settings.ledger_expire_seconds:
        jobs.append(expire_job(writer, round(settings.ledger_expire_seconds * 1e6)))
    if settings.ledger_check_messages_seconds:
        if archive is None:
            raise ConfigurationError(
                "DRIFTLINE_LEDGER_CHECK_MESSAGES_SECONDS needs DRIFTLINE_LEDGER_ARCHIVE_URL, where they are kept"
            )
        jobs.append(messages_job(writer.store, archive, round(settings.ledger_check_messages_seconds * 1e6)))
    if settings.ledger_report_seconds:
        if settings.ledger_report_url is None or not settings.ledger_report_regimes:
            raise ConfigurationError(
                "DRIFTLINE_LEDGER_REPORT_SECONDS needs DRIFTLINE_LEDGER_REPORT_URL, where reports go, and "
                'DRIFTLINE_LEDGER_REPORT_REGIMES, such as ["sox", "gdpr"]'
            )
        place, every_us = UrlObjects(settings.ledger_report_url), round(settings.ledger_report_seconds * 1e6)
        regimes = settings.ledger_report_regimes
        jobs.append(report_job(writer, place, regimes, verify, every_us))
    return jobs


def archive_job(writer: LedgerWriter, objects: Objects, every_us: int) -> Job:
    """Move payloads into the archive as retention says."""

    def work(now: int) -> Iterator[int]:
        for done in archiving.archive(writer, objects, _author("archived by retention", now)):
            yield done.entries

    return Job("archive", every_us, work)


def expire_job(writer: LedgerWriter, every_us: int) -> Job:
    """Erase payloads whose retention is over."""

    def work(now: int) -> Iterator[int]:
        while (done := erasing.expire(writer, _author("retention is over", now))) is not None:
            yield done.entries

    return Job("expire", every_us, work)


def messages_job(store: LedgerStore, objects: Objects, every_us: int) -> Job:
    """Hold the messages kept in the archive against their digests."""

    def work(_: int) -> Iterator[int]:
        with store.snapshot() as snapshot:
            found = check_files(snapshot, objects)
        yield found.files
        if found.wrong:
            name, why = next(iter(found.wrong.items()))
            raise ProofInvalid(
                f"{amount(len(found.wrong), 'file of kept messages was', 'files of kept messages were')} changed, the first is {name}: {why}"
            )
        if found.missing:
            raise LedgerUnavailable(
                f"{amount(len(found.missing), 'file of kept messages is', 'files of kept messages are')} gone, the first is {found.missing[0]}"
            )

    return Job("messages", every_us, work)


def report_job(
    writer: LedgerWriter, objects: Objects, regimes: Sequence[RegimeName], verify: Callable[[], Report], every_us: int
) -> Job:
    """Write the reports whose period is over, with one verification for all of them."""

    def work(now: int) -> Iterator[int]:
        verified = cache(verify)
        for regime in regimes:
            author = _author("report by schedule", now)
            done = write_report(writer, objects, regime, author, every_us=every_us, verify=verified)
            yield int(done is not None)

    return Job("report", every_us, work)


def _author(reason: str, now: int) -> Author:
    return Author(ACTOR, reason, now, os.urandom)
