"""The decision of a witness (C2SP tlog-witness, add-checkpoint): cosign what contains all that was cosigned before, refuse the rest."""

from collections.abc import Mapping, Sequence

from driftline.clock import Clock
from driftline.ledger.checkpoint import Checkpoint, Note, Signature, VerifierKey
from driftline.ledger.cosignature import Cosigner
from driftline.ledger.errors import NoteMalformed, ProofInvalid, ProofMalformed, SignatureInvalid
from driftline.ledger.growth import Growth
from driftline.ledger.proofs import check_consistency
from driftline.ledger.tree import EMPTY_ROOT
from driftline.wording import amount
from services.audit.witness.store import WitnessStore


class NotCosigned(Exception):
    """A refusal, by the code of the protocol; `size` is what was cosigned last (409 only)."""

    def __init__(self, code: int, detail: str, size: int | None = None) -> None:
        """Keep what the answer says."""
        super().__init__(detail)
        self.code = code
        self.size = size


class Witness:
    """Cosigns heads of known logs. Its promise rests on the store: what it cosigned once, every later head of that log contains."""

    def __init__(self, keys: Sequence[Cosigner], logs: Mapping[str, VerifierKey], store: WitnessStore, clock: Clock) -> None:
        """`logs`: the key of each by its origin."""
        self._keys = keys
        self._logs = logs
        self._store = store
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> tuple[Checkpoint, str]:
        """Return the head and the lines of the cosignatures, after the head is on the disk; raises NotCosigned."""
        try:
            growth = Growth.parse(body)
            note = Note.parse(growth.note)
            head = Checkpoint.parse(note.text)
        except (ProofMalformed, NoteMalformed) as error:
            raise NotCosigned(400, str(error)) from error
        theirs = self._signatures(head, note)
        if growth.old > head.size:
            raise NotCosigned(400, f"the older head has {amount(growth.old, 'entry')}, this one {head.size}")
        made: list[Signature] = []

        def decide(last: Checkpoint | None) -> str:
            _check_growth(growth, last, head)
            # In the transaction: no later head may be cosigned at an earlier time.
            time = self._clock.now_us() // 1_000_000
            made.extend(key.cosign(head, time) for key in self._keys)
            return Note(note.text, (*theirs, *made)).encode()

        self._store.advance(head.origin, decide)
        return head, "".join(signature.line() for signature in made)

    def latest(self, origin: str) -> str | None:
        """Return the largest head of a log that was cosigned, None for none."""
        return self._store.note(origin)

    @property
    def origins(self) -> Sequence[str]:
        """The logs that are known."""
        return tuple(self._logs)

    def _signatures(self, head: Checkpoint, note: Note) -> tuple[Signature, ...]:
        """The log's own signatures; what others wrote under the note is not passed on."""
        key = self._logs.get(head.origin)
        if key is None:
            raise NotCosigned(404, f"the log {head.origin} is not known here")
        try:
            return key.signed(note, head.size)
        except SignatureInvalid as error:
            raise NotCosigned(403, str(error)) from error


def _check_growth(growth: Growth, last: Checkpoint | None, head: Checkpoint) -> None:
    """Raise NotCosigned unless the head contains the last one."""
    size, root = (0, EMPTY_ROOT) if last is None else (last.size, last.root)
    if growth.old != size:
        raise NotCosigned(409, f"{amount(size, 'entry was', 'entries were')} cosigned last", size)
    if growth.old == head.size and root != head.root:
        raise NotCosigned(409, f"another head of {amount(size, 'entry')} was cosigned: the log has two histories", size)
    try:
        check_consistency(size, head.size, growth.path, old_root=root, root=head.root)
    except ProofInvalid as error:
        raise NotCosigned(422, str(error)) from error
