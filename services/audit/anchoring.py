"""Signed heads into a folder or bucket that is not the database's, from time to time."""

import threading

import structlog

from driftline.ledger.checkpoint import signed_text
from driftline.ledger.errors import LedgerUnavailable, RollbackDetected
from driftline.ledger.store import LedgerStore
from driftline.ledger.store.anchors import write_anchor
from driftline.ledger.store.objects import Objects
from driftline.runtime.health_events import HealthEvents
from services.audit import metrics

CONTRADICTED = "ledger_anchor_contradicts"

log = structlog.get_logger("driftline.audit")


class Anchoring:
    """A part of the process: anchors the newest cosigned head, else the newest signed one, every `every_seconds`."""

    def __init__(self, store: LedgerStore, objects: Objects, events: HealthEvents, *, every_seconds: float) -> None:
        self._store = store
        self._objects = objects
        self._events = events
        self._every = every_seconds
        self._size = 0
        self._stop = threading.Event()

    def run(self) -> None:
        """Anchor when it is time, and what is new at the end."""
        while not self._stop.wait(self._every):
            self.look()
        self.look()

    def stop(self) -> None:
        """End after the round under way."""
        self._stop.set()

    def look(self) -> None:
        """Anchor the newest head unless it is there; a place that is away is tried again, one that contradicts is told."""
        try:
            note = self._newest()
            if note is None:
                return
            if write_anchor(self._objects, note):
                metrics.ANCHORED.inc()
            self._size = signed_text(note).size
            metrics.ANCHORED_SIZE.set(self._size)
            self._events.clear(CONTRADICTED, self._store.origin)
        except LedgerUnavailable as error:
            log.warning("a signed head could not be anchored", detail=str(error))
        except RollbackDetected as error:
            log.error("an anchor contradicts the ledger", detail=str(error))  # noqa: TRY400  the detail says all
            self._events.open(CONTRADICTED, self._store.origin, severity="CRITICAL", detail=str(error))

    def _newest(self) -> str | None:
        """Return the head to anchor, None if there is no new one."""
        with self._store.snapshot() as snapshot:
            for note in (next(snapshot.cosigned_notes(), None), snapshot.latest_note()):
                if note is not None and signed_text(note).size > self._size:
                    return note
        return None
