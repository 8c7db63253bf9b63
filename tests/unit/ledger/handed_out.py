"""One ledger and all that it hands out, and what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from driftline.ledger.archive import pack, seal
from driftline.ledger.bundle import BundleReport, Completeness
from driftline.ledger.checkpoint import Checkpoint, open_checkpoint
from driftline.ledger.cosignature import Cosigner
from driftline.ledger.entries import Query, StoredEntry
from driftline.ledger.errors import LedgerError
from driftline.ledger.leaf import Leaf, decode
from driftline.ledger.messages import pack_messages, prove_message
from driftline.ledger.opening import Opening
from driftline.ledger.records import digest_draft
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LedgerWriter, OffsetMove, Snapshot, bundle_of, growth_of, receipt_of
from tests.unit.ledger.ledger_builders import KEY, draft, grow, salt, writer_at
from tests.unit.ledger.test_messages import message, source, statement

QUERIES = (
    Query(since=1_001, until=1_002),
    Query(actor="alice"),
    Query(resource=("model", "m1")),
    Query(actor="alice", until=1_002),
    Query(since=9_000),
    Query(),
)
WITNESSES = [Cosigner(f"w{number}.example.com", bytes([number]) * 32) for number in range(3)]
POLICY = "\n".join(
    [
        *(f"witness w{number} {key.verifier.encode()}" for number, key in enumerate(WITNESSES)),
        "group g 2 w0 w1 w2",
        "quorum g\n",
    ]
)
ARCHIVED = source(100, 103)


@dataclass
class HandedOut:
    """Receipts, bundles and so on of a ledger of 31 entries, the last of which digests three messages."""

    receipts: list[bytes]
    bundles: list[bytes]
    growths: list[bytes]
    notes: list[str]
    heads: list[Checkpoint]
    entries: list[StoredEntry]
    message_proofs: list[bytes]
    messages: bytes
    object: bytes

    def of_log(self, leaf: Leaf) -> bool:
        return leaf.seq < len(self.entries) and decode(self.entries[leaf.seq].leaf) == leaf

    def discloses_truth(self, opening: Opening) -> bool:
        entry, shown = self.entries[decode(opening.leaf).seq], opening.disclosed
        return shown is None or (shown.salt, shown.payload, shown.details) == (entry.salt, entry.payload, entry.details)

    def chosen(self, report: BundleReport) -> list[int]:
        """What the selection of a bundle fits, of the entries under its head."""
        found = []
        for entry in self.entries[: report.checkpoint.size]:
            try:
                report.selection.refuse(decode(entry.leaf))
            except LedgerError:
                continue
            found.append(entry.seq)
        return found

    def true_bundle(self, report: BundleReport) -> bool:
        """Whether what a bundle is said to prove is so."""
        if report.checkpoint not in self.heads:
            return False
        fits = self.chosen(report)
        if report.complete is Completeness.RANGE:
            return report.entries == len(fits)
        if report.complete is Completeness.TRAIL:
            return fits[: report.entries][-1:] == ([] if report.last is None else [report.last.seq])
        return report.last is None or report.last.seq in fits


def handed_out(folder: Path) -> HandedOut:
    writer = writer_at(folder)
    grow(writer, [[draft(n, actor="alice" if n % 3 else "service:drift") for n in range(at, at + 10)] for at in (0, 10, 20)])
    data = _digested(writer)
    with writer.store.snapshot() as snapshot:
        entries = list(snapshot.entries(Query(limit=None)))
        notes = [row.note for row in snapshot.checkpoints() if row.note is not None]
        receipts = [receipt_of(snapshot, entry, payload=entry.seq % 2 == 0).encode() for entry in entries]
        bundles = [b"".join(bundle_of(snapshot, query, payloads=True)) for query in QUERIES]
        growths = [growth_of(snapshot, size).encode() for size in (10, 20, 30)]
        proofs = [_proof(snapshot, entries[30], offset) for offset in range(100, 103)]
    writer.store.close()
    sealed = [(entry.seq, seal(entry.salt or b"", entry.payload or b"", entry.details)) for entry in entries[:5]]
    heads = [open_checkpoint(note, KEY.verifier) for note in notes]
    return HandedOut(receipts, bundles, growths, notes, heads, entries, proofs, data, pack(KEY.verifier.name, sealed))


def _digested(writer: LedgerWriter) -> bytes:
    """Add the digest of three messages; returns their file."""
    messages = [message(offset) for offset in range(100, 103)]
    name = SourceName(ARCHIVED.cluster, ARCHIVED.topic, ARCHIVED.topic_id, ARCHIVED.partition)
    place = writer.positions([name])[name]
    said = digest_draft(ARCHIVED, statement(messages, ARCHIVED), event_ts=None, salt=salt(1))
    writer.append([said], [OffsetMove(place.source_id, place.next_offset, 103)], now=2_000)
    return pack_messages(ARCHIVED, messages)


def _proof(snapshot: Snapshot, entry: StoredEntry, offset: int) -> bytes:
    messages = [message(number) for number in range(100, 103)]
    return prove_message(messages, offset, receipt_of(snapshot, entry, payload=True)).encode()


def cosigned_note(note: str, by: Sequence[int]) -> str:
    head = open_checkpoint(note, KEY.verifier)
    return note + "".join(WITNESSES[each].cosign(head, 100 + each).line() for each in by)
