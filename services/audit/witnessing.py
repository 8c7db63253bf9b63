"""Showing each new head to the witnesses of the policy, and keeping what they put under it. The ledger never waits for them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import structlog

from driftline.clock import Clock
from driftline.errors import DriftlineError, Unavailable
from driftline.ledger.checkpoint import Checkpoint, Note, Signature, signed_text
from driftline.ledger.cosignature import Cosigner, CosignerKey, cosigned
from driftline.ledger.errors import LedgerUnavailable, NoteMalformed, ProofInvalid
from driftline.ledger.policy import Policy, Witness
from driftline.ledger.store import LedgerStore, add_cosignatures, growth_of
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.witness_client import Answer
from driftline.wording import amount
from services.audit import metrics

REFUSED = "ledger_history_refused"
FIRST_PAUSE_US = 1_000_000
LONGEST_PAUSE_US = 60_000_000
_ATTEMPTS = 3
_ROUND_SECONDS = 10.0
_PER_ROUND = 10
_AT_START = 1_000

log = structlog.get_logger("driftline.audit")


class Asked(Protocol):
    """The part of `WitnessClient` that is needed."""

    def add(self, request: bytes) -> Answer:
        """Ask to cosign; raises Unavailable."""
        ...


class HistoryRefused(DriftlineError):
    """A witness knows another history of this ledger, or a longer one."""


class WrongAnswer(DriftlineError):
    """A witness does not cosign for a reason that says nothing about the history."""


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
            signatures = self._cosigned_by(peer, head, note)
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

    def _cosigned_by(self, peer: _Peer, head: Checkpoint, note: str) -> Sequence[Signature]:
        """Return the checked cosignature; raises Unavailable, WrongAnswer or HistoryRefused."""
        name, old = peer.witness.name, peer.size
        for _ in range(_ATTEMPTS):
            with self._store.snapshot() as snapshot:
                request = growth_of(snapshot, old, note).encode()
            answer = peer.client.add(request)
            if answer.code == 200:
                return _checked(answer.text, head, peer.witness.key)
            if answer.code == 422:
                raise HistoryRefused(
                    f"{name} has cosigned {amount(old, 'entry')} that are not those of this ledger: {answer.text[:200]}"
                )
            if answer.code != 409:
                raise WrongAnswer(f"{name} answers {answer.code}: {answer.text[:200]}")
            old = self._where_it_stands(name, answer.text, old, head)
        raise WrongAnswer(f"{name} is moved on by somebody else")

    def _where_it_stands(self, name: str, text: str, old: int, head: Checkpoint) -> int:
        """Return the size to prove from; raises HistoryRefused where there is no honest way on."""
        if not text.rstrip("\n").isdecimal() or len(text) > 20:
            raise WrongAnswer(f"{name} answers 409 without a size")
        size = int(text)
        if size == old:
            raise HistoryRefused(f"{name} has cosigned another head of {amount(size, 'entry')}: the ledger has two histories")
        if size <= head.size:
            return size
        with self._store.snapshot() as snapshot:
            newest = snapshot.latest_note()
        if newest is None or signed_text(newest).size < size:
            raise HistoryRefused(
                f"{name} has cosigned {amount(size, 'entry')}, the database has {head.size}: an older copy was restored, or entries were removed"
            )
        raise WrongAnswer(f"{name} has cosigned a newer head by now")  # another instance showed it

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


def _checked(text: str, head: Checkpoint, key: CosignerKey) -> Sequence[Signature]:
    """Return the lines of an answer that are this witness's; raises WrongAnswer without any that holds."""
    try:
        lines = Note.parse(f"{head.text()}\n{text}").signatures
    except NoteMalformed as error:
        raise WrongAnswer(f"{key.name} answers with what is no signature line: {error}") from error
    held = [line for line in lines if key.made(line) and cosigned(Note(head.text(), (line,)), [key])]
    if not held:
        raise WrongAnswer(f"{key.name} answers without a cosignature of its key in the policy")
    return held[:1]


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
