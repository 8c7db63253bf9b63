"""Verification of a log from its stored rows, at the levels hash and full.

    hash   the sequence has no gap; each leaf has the stored hash (SHA-256 of the stored bytes), follows the entry before
           by that hash, and names its own place in this log; the Merkle root over those hashes is that of every head
           known (checkpoints, signed heads from elsewhere); the head row is that of the entries
    full   and the leaf that the columns, the trails of actor and resource (aseq, aprev, rseq, rprev), and the entry before
           give is byte for byte the stored one; payload and details have the hashes that the leaf commits to; time never
           goes back; the stored tree nodes are those of the entries; the names are those of their pseudonyms; what is not
           there, an entry has erased or archived

Rows are fed page by page in order of their sequence; nothing is held but the tail of each actor and resource. All is
computed from the stored bytes: no payload is parsed, none is serialised anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from driftline.ledger.chain import Head
from driftline.ledger.examination import check_link, examine
from driftline.ledger.heads import SignedHead
from driftline.ledger.leaf import GENESIS, SALT_SIZE, is_service, pseudonym
from driftline.ledger.report import FindingKind, Findings, Level, Report, verdict_of
from driftline.ledger.rows import Row, SourceName, Subject
from driftline.ledger.tree import FetchNodes, Frontier, Node
from driftline.ledger.walk import AtOnce, Tail, Walk
from driftline.ledger.withdrawal import Withdrawals
from driftline.wording import amount

__all__ = ["ChainVerifier", "Start"]


@dataclass(slots=True)
class Start:
    """Where a verification begins: behind entries that it does not look at, or that are known to be right.

    The tree may stand on stored nodes, and the walk on the words of entries (its claims): a head that holds proves the nodes,
    `check_claims` the words.
    """

    walk: Walk
    tree: Frontier
    first: int = 0
    """The first entry of the span that is verified."""
    good_size: int = 0
    """The last head that is known to be right."""
    signed: int = 0
    """Entries that a signature vouches for."""
    erased: int = 0
    archived: int = 0
    at_once: AtOnce | None = None
    """A quicker way over pages in which all is right, used up to the first in which it is not."""


class ChainVerifier:
    """Feed pages of rows (plain tuples will do), then finish.

    `heads`: every root that must hold at its size, signed or at least stored, smallest first; read as it goes.
    `withdrawn`: what entries of this log erased or archived.
    """

    def __init__(
        self,
        log: str,
        level: Level,
        start: Start,
        *,
        heads: Iterable[SignedHead],
        findings: Findings,
        sources: Mapping[int, SourceName] | None = None,
        nodes: Mapping[tuple[int, int], bytes] | None = None,
        withdrawn: Withdrawals | None = None,
    ) -> None:
        self._withdrawn = withdrawn or Withdrawals()
        self.erased, self.archived = start.erased, start.archived
        self._log = log
        self._level = level
        self._findings = findings
        self._sources = dict(sources or {})
        self._nodes = dict(nodes or {})
        self._heads = iter(heads)
        self._due = next(self._heads, None)
        self._at_once = start.at_once
        self._tree, self._walk, self._first, self._signed = start.tree, start.walk, start.first, start.signed
        self.good_size = max(start.first, start.good_size)
        self._rewritten = False
        self._last = sys.maxsize
        self._check_heads()

    @property
    def settled(self) -> bool:
        """Tell whether every head given was reached and every node was completed."""
        return self._due is None and not self._nodes

    def walk(self) -> Walk:
        """Return where the rows so far lead to."""
        self._go_on_row_by_row()
        return self._walk

    def feed(self, rows: Sequence[Row]) -> None:
        """Check the next rows, then add their leaves to the tree, stopping at each size whose root is known."""
        if not rows:
            return
        hashes = self._linked(rows) if self._level is Level.HASH else self._examined(rows)
        start, size = 0, self._tree.size
        while self._due is not None and self._due.size <= size + len(rows):
            stop = max(self._due.size - size, start)
            self._grow(hashes[start:stop])
            start = stop
        self._grow(hashes[start:])

    def _grow(self, hashes: Sequence[bytes]) -> None:
        self._check_nodes(self._tree.extend(hashes))
        self._check_heads()

    def _linked(self, rows: Sequence[Row]) -> list[bytes]:
        """Level hash: sequence, chain, leaf hash, and that the leaf names this place in this log."""
        hashes = [_hash_of(row[12]) for row in rows]
        for row, hashed in zip(rows, hashes, strict=True):
            check_link(self._walk, row, hashed, self._findings.add)
            try:
                leaf = orjson.loads(row[12])
                placed = (leaf["seq"], leaf["prev"], leaf["log"]) == (row[0], row[10].hex(), self._log)
            except (ValueError, TypeError, KeyError, AttributeError):
                placed = False
            if not placed:
                self._findings.add(row[0], FindingKind.CHAIN_BROKEN, "the leaf does not name its place in this log")
        return hashes

    def _examined(self, rows: Sequence[Row]) -> list[bytes]:
        """Level full: over all rows that are right, examining each that is not."""
        for seq in self._withdrawn.undone(rows):
            detail = f"entry {self._withdrawn.erased_by(seq)} erased this payload, and it is here again"
            self._findings.add(seq, FindingKind.ERASURE_UNDONE, detail)
        absent = self._withdrawn.absent(rows)
        self.archived += sum(absent.values())
        self.erased += len(absent) - sum(absent.values())
        if self._at_once is not None:
            if self._at_once.over(rows, absent):
                return [row[11] for row in rows]
            self._go_on_row_by_row()
        hashes: list[bytes] = []
        while len(hashes) < len(rows):
            waiting = rows[len(hashes) :]
            right = self._walk.over(waiting, absent)
            hashes += [row[11] for row in waiting[:right]]
            if right < len(waiting):
                row = Row._make(waiting[right])
                hashes.append(_hash_of(row.leaf))
                judge = self._findings.add if row.seq not in absent else self._judge_withdrawn
                examine(self._walk, row, hashes[-1], judge, log=self._log, sources=self._sources)
        return hashes

    def _judge_withdrawn(self, sequence: int | None, kind: FindingKind, detail: str) -> None:
        """Note a finding about an entry that was erased or archived: that its payload is not here is none."""
        if kind is not FindingKind.PAYLOAD_MISSING:
            self._findings.add(sequence, kind, detail)

    def _go_on_row_by_row(self) -> None:
        if self._at_once is not None:
            self._walk, self._at_once = self._at_once.walk(), None

    def _check_nodes(self, completed: Sequence[Node]) -> None:
        if self._level is Level.HASH:
            return
        for node in completed:
            if self._nodes.pop((node.level, node.index), None) != node.hash:
                detail = f"stored tree node {node.index} of level {node.level} is not that of the entries"
                last = (node.index + 1 << node.level) - 1
                self._findings.add(self._earliest(node.index << node.level, last), FindingKind.NODE_CHANGED, detail)

    def _check_heads(self) -> None:
        """Compare the root with every head known at this size."""
        if self._due is None or self._due.size > self._tree.size:
            return
        size, root, wrong = self._tree.size, self._tree.root(), None
        while self._due is not None and self._due.size <= size:
            if (self._due.size, self._due.root) != (size, root):
                wrong = wrong or self._due
            self._due = next(self._heads, None)
        if wrong is None:
            self.good_size, self._rewritten = size, False
            return
        if not self._rewritten:  # every later head is wrong as a consequence
            self._rewritten = True
            first, last = self.good_size, max(min(size - 1, self._last), 0)
            what = f"entries {first}..{last} are" if first <= last else f"entries before {first} are"
            detail = f"{what} not those of the head of size {size} ({wrong.where})"
            self._findings.add(self._earliest(min(first, last), last), FindingKind.HISTORY_REWRITTEN, detail)

    def _earliest(self, first: int, last: int) -> int:
        """Return the first entry of some that is known to be wrong, else the first of those that are verified."""
        known = [f.sequence for f in self._findings.kept if f.sequence is not None and first <= f.sequence <= last]
        return min(known, default=min(max(first, self._first), last))

    def check_claims(self, tail_before: Callable[[str | tuple[str, str]], Tail]) -> None:
        """Check what the first entries of the trails say of before. `tail_before` looks up where a trail stood."""
        for of, seq, tail in self.walk().claims:
            if tail_before(of) != tail:
                whose = "actor" if isinstance(of, str) else "resource"
                self._findings.add(seq, FindingKind.TRAIL_BROKEN, f"the trail of the {whose} does not continue here")

    def check_subjects(self, subjects: Iterable[Subject], *, only_met: bool = False) -> None:
        """Check that nobody exchanged the names behind pseudonyms, nor took one away that was not erased.

        `only_met`: the names behind those of the entries fed.
        """
        met, erased = self.walk().first_by, self._withdrawn.subjects
        lost = {actor: seq for actor, seq in met.items() if _is_person(actor) and actor not in erased}
        for subject in subjects:
            lost.pop(subject.pseudonym, None)
            if not _is_sound(subject) and (not only_met or subject.pseudonym in met):
                detail = f"the name behind {subject.pseudonym} was exchanged"
                self._findings.add(met.get(subject.pseudonym), FindingKind.SUBJECT_CHANGED, detail)
        for actor, seq in lost.items():
            detail = f"the name behind {actor} is gone without an entry that erased it"
            self._findings.add(seq, FindingKind.SUBJECT_MISSING, detail)

    def check_head(self, head: Head) -> None:
        """Check the head row, which the next entry will be chained to."""
        size, walk = self._tree.size, self.walk()
        if not _is_integer(head.size):
            self._findings.add(size, FindingKind.HEAD_CHANGED, "the head row does not hold a size")
        elif head.size > size:
            self._findings.add(
                size, FindingKind.TAIL_MISSING, f"the head counts {amount(head.size, 'entry')}, of which {size} can be found"
            )
        elif (head.size, head.hash, head.frontier) != (size, walk.hash, self._tree.to_bytes()):
            self._findings.add(
                max(0, min(head.size, size)), FindingKind.HEAD_CHANGED, "the head row is not that of the entries"
            )

    def finish(
        self,
        signed_size: Callable[[int], int] | None,
        *,
        wanted: int = 0,
        behind: FetchNodes | None = None,
        unread: Sequence[str] = (),
    ) -> Report:
        """Return the report. `signed_size`: the largest size up to a given one that a checked signature vouches for.

        None: there was no key to check one with. It is asked after the last of the heads. `wanted`: how many entries must be
        vouched for, for the statements that withdrew payloads to count. `behind`: the nodes of the entries behind the span, to
        reach the heads that stand there. `unread`: objects of the archive that are not there.
        """
        entries = self._tree.size - self._first
        if behind is not None:
            self._pass_over(behind)
        size = self._tree.size
        while self._due is not None:
            detail = f"{self._due.where} vouches for {amount(self._due.size, 'entry')}, of which {size} can be found"
            self._findings.add(size, FindingKind.TAIL_MISSING, detail)
            self._due = next(self._heads, None)
        for place in self._nodes:
            self._findings.add(size, FindingKind.NODE_CHANGED, f"a tree node of no entries is stored: level and index {place}")
        signed = 0 if signed_size is None else max(self._signed, signed_size(size))
        vouched = signed_size is not None and (entries == 0 or signed > self._first) and signed >= wanted and not unread
        return Report(
            verdict=verdict_of(self._findings, vouched=vouched),
            level=self._level,
            first=self._first,
            entries=entries,
            size=size,
            root=self._tree.root(),
            signed_size=signed,
            first_bad=self._findings.first,
            invalid_entries=sum(self._findings.counts.values()),
            chain_breaks=self._findings.counts[FindingKind.CHAIN_BROKEN] + self._findings.counts[FindingKind.ENTRY_MISSING],
            findings=tuple(self._findings.kept),
            erased=self.erased,
            archived=self.archived,
            unread=tuple(unread),
        )

    def _pass_over(self, behind: FetchNodes) -> None:
        """Go on over stored nodes to each head behind the span; what is missing on the way, `finish` says."""
        self._last = self._tree.size - 1
        while self._due is not None:
            try:
                self._tree.pass_over(behind, self._due.size)
            except (LookupError, TypeError):
                break
            self._check_heads()


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_person(actor: object) -> bool:
    return isinstance(actor, str) and not is_service(actor)


def _is_sound(subject: Subject) -> bool:
    """Tell whether a pseudonym is that of its name."""
    try:
        return (
            len(subject.salt) == SALT_SIZE
            and not is_service(subject.pseudonym)
            and pseudonym(subject.salt, subject.name) == subject.pseudonym
        )
    except (TypeError, AttributeError, UnicodeError):
        return False


def _hash_of(leaf: object) -> bytes:
    """Return the hash of a stored leaf; of what is no bytes, one that no entry has."""
    return sha256(b"\x00" + leaf).digest() if isinstance(leaf, bytes) else GENESIS
