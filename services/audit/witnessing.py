"""Showing each new head to the witnesses of the policy, and keeping what they put under it. The ledger never waits for them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

import structlog

from driftline.clock import Clock
from driftline.errors import Unavailable
from driftline.ledger.checkpoint import Checkpoint, Note, Signature, signed_text
from driftline.ledger.cosignature import Cosigner, cosigned
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.policy import Policy, Witness
from driftline.ledger.store import LedgerStore, add_cosignatures
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.witnessing import Asked, HistoryRefused, WrongAnswer, cosigned_by
from services.audit import metrics

REFUSED = "ledger_history_refused"
FIRST_PAUSE_US = 1_000_000
LONGEST_PAUSE_US = 60_000_000
_ROUND_SECONDS = 10.0
_PER_ROUND = 10
_AT_START = 1_000

log = structlog.get_logger("driftline.audit")


@dataclass(slots=True)
class _Peer:
    """A witness, where it stands, and when it is asked again."""

    witness: Witness
    client: Asked
    size: int = 0
    due: int = 0
    pause: int = 0
    asked: Future[tuple[int, Sequence[Signature]]] | None = None


class Witnessing:
    """`look` from time to time, in one thread. `quorum` is told each head that a quorum has cosigned.

    `own`: keys of the ledger itself that cosign as well, such as one of ML-DSA-44.
    """

    def __init__(
        self,
        store: LedgerStore,
        policy: Policy,
        clients: Mapping[str, Asked],
        clock: Clock,
        *,
        events: HealthEvents,
        quorum: Callable[[int, str], None],
        own: Sequence[Cosigner] = (),
    ) -> None:
        """`clients`: by the name of the witness in the policy; who has none is not asked."""
        self._store = store
        self._policy = policy
        self._clock = clock
        self._events = events
        self._quorum = quorum
        self._own = own
        self._own_size = 0
        self._keys = [witness.key for witness in policy.witnesses]
        self._peers = [_Peer(witness, clients[witness.name]) for witness in policy.witnesses if witness.name in clients]
        self._pool = ThreadPoolExecutor(max(1, len(self._peers)), thread_name_prefix="witness")
        self._witnessed = 0
        if (found := self._newest_with_quorum(_AT_START)) is not None:
            self._witnessed = found[0]

    @property
    def witnessed(self) -> int:
        """Entries under the newest head with a quorum."""
        return self._witnessed

    def look(self) -> None:
        """Show the newest signed head to whoever has not cosigned it; keep, publish and measure what comes of it."""
        with self._store.snapshot() as snapshot:
            note = snapshot.latest_note()
        if note is not None:
            head = signed_text(note)
            if own := self._cosign(head):
                add_cosignatures(self._store, head.size, own)
            self._ask_all(head, note)
        self._settle()
        self._measure()

    def close(self) -> None:
        """Let the threads go; an answer that is on its way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _cosign(self, head: Checkpoint) -> list[Signature]:
        if head.size <= self._own_size:
            return []
        self._own_size = head.size
        return [key.cosign(head, self._clock.now_us() // 1_000_000) for key in self._own]

    def _ask_all(self, head: Checkpoint, note: str) -> None:
        """Ask whoever is due, and keep what comes in time; who takes longer is heard in a later round."""
        now = self._clock.now_us()
        for peer in self._peers:
            if peer.asked is None and peer.size < head.size and peer.due <= now:
                peer.asked = self._pool.submit(self._ask, peer, head, note)
        wait([peer.asked for peer in self._peers if peer.asked is not None], timeout=_ROUND_SECONDS)
        for peer in self._peers:
            if peer.asked is not None and peer.asked.done():
                size, signatures = peer.asked.result()
                peer.asked = None
                if signatures:
                    add_cosignatures(self._store, size, signatures)

    def _ask(self, peer: _Peer, head: Checkpoint, note: str) -> tuple[int, Sequence[Signature]]:
        """Ask one witness, tell what is wrong, and pause longer each time that it is."""
        name = peer.witness.name
        try:
            signatures = cosigned_by(self._store, peer.witness, peer.client, note, old=peer.size)
        except (HistoryRefused, ProofInvalid) as error:
            self._pause(peer, LONGEST_PAUSE_US)
            metrics.WITNESS_REQUESTS.labels(witness=name, result="history_refused").inc()
            log.error("the history of the ledger is refused", witness=name, detail=str(error))  # noqa: TRY400  the detail says all
            self._events.open(
                REFUSED, name, severity="CRITICAL", detail=str(error), labels={"witness": name, "log": head.origin}
            )
        except (Unavailable, WrongAnswer, LedgerUnavailable) as error:
            self._pause(peer, min(max(2 * peer.pause, FIRST_PAUSE_US), LONGEST_PAUSE_US))
            result = "away" if isinstance(error, Unavailable) else "failed"
            metrics.WITNESS_REQUESTS.labels(witness=name, result=result).inc()
            log.warning("a witness did not cosign", witness=name, detail=str(error), again_in_seconds=peer.pause / 1e6)
        else:
            peer.size, peer.pause = head.size, 0
            metrics.WITNESS_REQUESTS.labels(witness=name, result="cosigned").inc()
            metrics.WITNESS_SIZE.labels(witness=name).set(head.size)
            self._events.clear(REFUSED, name)
            return head.size, signatures
        return head.size, ()

    def _pause(self, peer: _Peer, pause: int) -> None:
        peer.pause = pause
        peer.due = self._clock.now_us() + pause

    def _settle(self) -> None:
        """Tell the newest head that a quorum has cosigned by now."""
        if self._policy.quorum is not None and (found := self._newest_with_quorum(_PER_ROUND)) is not None:
            self._witnessed, note = found
            self._quorum(self._witnessed, note)

    def _newest_with_quorum(self, at_most: int) -> tuple[int, str] | None:
        """Return it if it is newer than what is known; of the newest cosigned heads so many are looked at."""
        with self._store.snapshot() as snapshot:
            for note in islice(snapshot.cosigned_notes(), at_most):
                if (size := signed_text(note).size) <= self._witnessed:
                    return None
                if self._policy.satisfied(cosigned(Note.parse(note), self._keys).keys()):
                    return size, note
        return None

    def _measure(self) -> None:
        """How many entries no quorum covers, and for how long the oldest of them has been there; no numbers without a quorum."""
        if self._policy.quorum is None:
            return
        with self._store.snapshot() as snapshot:
            size = snapshot.head().size
            oldest = snapshot.entry_at(self._witnessed) if size > self._witnessed else None
        metrics.UNWITNESSED_ENTRIES.set(max(0, size - self._witnessed))
        seconds = 0.0 if oldest is None else max(0.0, (self._clock.now_us() - oldest.ts) / 1e6)
        metrics.UNWITNESSED_SECONDS.set(seconds)


class WitnessingPart:
    """Witnessing as a part of the process, every `every_us` microseconds."""

    def __init__(self, witnessing: Witnessing, *, every_us: int) -> None:
        self._witnessing = witnessing
        self._every = every_us / 1e6
        self._stop = threading.Event()

    def run(self) -> None:
        """Look until told to stop; a database that is busy is looked at again."""
        try:
            while not self._stop.wait(self._every):
                try:
                    self._witnessing.look()
                except LedgerUnavailable as error:
                    log.warning("the ledger could not be shown to its witnesses", detail=str(error))
        finally:
            self._witnessing.close()

    def stop(self) -> None:
        """End after the round under way."""
        self._stop.set()
