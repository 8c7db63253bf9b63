"""What a verification says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from driftline.wording import amount

__all__ = ["Finding", "FindingKind", "Findings", "Level", "Report", "SourceCounts", "Verdict", "Witnessed", "verdict_of"]

_KEPT: Final = 100
_KEPT_OF_A_KIND: Final = 5


class Level(StrEnum):
    """How deep to look; each level includes the ones before."""

    HASH = "hash"
    """The chain, the tree and the signed checkpoints."""
    FULL = "full"
    """And every column, payload, pseudonym and trail against its leaf."""
    SOURCE = "source"
    """And every record of the Kafka topics against the entries."""
    WITNESS = "witness"
    """As full, and against every head that witnesses have cosigned, of which one must have a quorum."""


class Verdict(StrEnum):
    """What follows from the findings."""

    VALID = "valid"
    TAMPERED = "tampered"
    UNVERIFIABLE = "unverifiable"
    """Nothing wrong was found, but no signature vouches for it (no key, or nothing signed yet)."""


class FindingKind(StrEnum):
    """What is wrong with an entry, or with the log from that entry on."""

    ENTRY_MISSING = "entry_missing"
    CHAIN_BROKEN = "chain_broken"
    LEAF_CHANGED = "leaf_changed"
    LEAF_MALFORMED = "leaf_malformed"
    COLUMN_CHANGED = "column_changed"
    PAYLOAD_CHANGED = "payload_changed"
    PAYLOAD_MISSING = "payload_missing"
    """It is gone, and no entry says that it was erased or archived."""
    ERASURE_UNDONE = "erasure_undone"
    """An entry erased it, and it is here again."""
    ARCHIVE_CHANGED = "archive_changed"
    """The object in the archive is not the one that was archived."""
    DETAILS_CHANGED = "details_changed"
    TRAIL_BROKEN = "trail_broken"
    TIME_BACKWARDS = "time_backwards"
    NODE_CHANGED = "node_changed"
    SUBJECT_CHANGED = "subject_changed"
    SUBJECT_MISSING = "subject_missing"
    """The name behind a pseudonym is gone, and no entry erased it."""
    HEAD_CHANGED = "head_changed"
    TAIL_MISSING = "tail_missing"
    CHECKPOINT_INVALID = "checkpoint_invalid"
    HISTORY_REWRITTEN = "history_rewritten"
    """The entries are consistent among themselves but not with a head that was signed."""
    SOURCE_OMITTED = "source_omitted"
    """A record of a topic that should be in the ledger is not."""
    SOURCE_CHANGED = "source_changed"
    """The entry is of a record that has other bytes in the topic."""
    SOURCE_UNKNOWN = "source_unknown"
    """The entry names a record that the topic does not have."""
    SOURCE_LOST = "source_lost"
    """The topic ends before the position of the ledger."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: the first entry concerned (None: no entry in particular), and what to look at."""

    sequence: int | None
    kind: FindingKind
    detail: str


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What the comparison with the topics saw: records in the first four, entries in the others."""

    matched: int = 0
    """Records with an entry of their own."""
    digested: int = 0
    """Records inside a digest whose root is right."""
    duplicates: int = 0
    """Records that repeat an entry byte for byte."""
    pending: int = 0
    """Records after the position: not read yet."""
    expired: int = 0
    """Entries whose records the topic no longer keeps."""
    compacted: int = 0
    """Entries whose record a newer one of the same key replaced."""
    gaps: int = 0
    """Signed statements that records were gone before they could be read."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What witnesses vouch for."""

    size: int
    """Entries under the newest head with a quorum, 0 without any."""
    cosigners: tuple[tuple[str, int], ...]
    """Who has cosigned that head (names of the policy), and when (seconds since 1970)."""
    unchecked: tuple[str, ...]
    """What could not be looked at, or proves nothing, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result. `first_bad` is the finding with the smallest sequence."""

    verdict: Verdict
    level: Level
    first: int
    """The first entry that was verified."""
    entries: int
    """How many were verified."""
    size: int
    """Entries of the head that they were held against: all, or those up to the head that vouches for a range."""
    root: bytes
    signed_size: int
    """Entries that a signature of the log vouches for."""
    first_bad: Finding | None
    invalid_entries: int
    chain_breaks: int
    findings: tuple[Finding, ...]
    """The first hundred."""
    erased: int = 0
    """Entries whose payload an entry of the ledger erased."""
    archived: int = 0
    """Entries whose payload lies in the archive."""
    unread: tuple[str, ...] = ()
    """Objects of the archive that are not there: about their payloads nothing can be said."""
    witnessed: Witnessed | None = None
    """Level witness only."""
    source: SourceCounts | None = None
    duplicates: tuple[str, ...] = ()
    """Which records repeat which entry, in words; the first ten thousand."""

    @property
    def valid(self) -> bool:
        """Tell whether the ledger is vouched for and nothing is wrong."""
        return self.verdict is Verdict.VALID

    @property
    def unvouched(self) -> str:
        """Say why nothing can be said of these entries, though nothing is wrong with them."""
        if self.unread:
            gone = amount(len(self.unread), "object of the archive is gone", "objects of the archive are gone")
            return f"{gone}, the first is {self.unread[0]}"
        who = "no quorum of witnesses" if self.witnessed is not None and self.signed_size else "nothing signed"
        return f"{who} vouches for {amount(self.entries, 'entry')}, in which nothing wrong was found"


def verdict_of(findings: Findings, *, vouched: bool) -> Verdict:
    """Return what follows: any finding is tampering; without a signature nothing is valid."""
    if findings.first is not None:
        return Verdict.TAMPERED
    return Verdict.VALID if vouched else Verdict.UNVERIFIABLE


@dataclass(slots=True)
class Findings:
    """Collects findings: all are counted; the first hundred, the first five of each kind and the earliest are kept."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[FindingKind] = field(default_factory=Counter)
    first: Finding | None = None

    def add(self, sequence: int | None, kind: FindingKind, detail: str) -> None:
        """Note one."""
        finding = Finding(sequence, kind, detail)
        self.counts[kind] += 1
        if len(self.kept) < _KEPT or self.counts[kind] <= _KEPT_OF_A_KIND:
            self.kept.append(finding)
        if self.first is None or _order(finding) < _order(self.first):
            self.first = finding


def _order(finding: Finding) -> float:
    return float("inf") if finding.sequence is None else finding.sequence
