"""Comparing a partition with its entries: compaction, erasure, and what has no explanation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftline.ledger.chain import Known
from driftline.ledger.digest import DigestBuilder
from driftline.ledger.leaf import data_hash, details_hash
from driftline.ledger.records import DIGEST, details_of, digest_draft, entry_id_of
from driftline.ledger.report import FindingKind, Findings
from driftline.ledger.rows import Row, SourceName
from driftline.ledger.source import Extent, PartitionCheck, Repeat, Tally

SOURCE = SourceName("kafka", "t", "id", 0)
SALT = bytes(32)


@dataclass(frozen=True)
class Said:
    """A record."""

    at: int
    text: bytes | None = b"v"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return b"k"

    def value(self) -> bytes | None:
        return self.text

    def headers(self) -> list[tuple[str, bytes]] | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 2, 7


def row(seq: int, record: Said) -> Row:
    details = details_of(record)
    return Row(
        seq, entry_id_of("id", record), 0, None, "a", "service:x", "r", "1",
        data_hash(SALT, record.text or b""), details_hash(SALT, details), b"", b"", b"", 1, record.at, record.at + 1,
        SALT, record.text or b"", details,
    )  # fmt: skip


def compare(
    records: Sequence[Said], rows: Sequence[Row], *, low: int = 0, end: int = 10, position: int = 10, compacted: bool = False
) -> tuple[Tally, Findings]:
    findings, tally = Findings(), Tally()
    repeats: list[Repeat] = []
    extent = Extent(low, end, position, compacted)
    known: dict[bytes, Known] = {}
    check = PartitionCheck(
        SOURCE, extent, iter(rows), size=100, known=known.get, findings=findings, tally=tally, repeats=repeats
    )
    for record in records:
        check.feed(record)
    check.finish()
    return tally, findings


def test_what_compaction_took_is_no_tampering() -> None:
    rows = [row(n, Said(n)) for n in range(4)]
    tally, findings = compare([Said(3)], rows, compacted=True)
    assert (tally.matched, tally.compacted, findings.first) == (1, 3, None)


def test_without_compaction_a_record_that_is_not_there_is_unknown() -> None:
    _, findings = compare([Said(3)], [row(n, Said(n)) for n in range(4)])
    assert findings.counts == {FindingKind.SOURCE_UNKNOWN: 3}


def test_an_erased_payload_is_not_compared() -> None:
    tally, findings = compare([Said(0, b"other")], [row(0, Said(0))._replace(salt=None, body=None)])
    assert (tally.matched, findings.first) == (1, None)


def test_a_value_and_an_empty_value_and_none_are_three_things() -> None:
    for stored, there in ((b"", None), (None, b""), (b"v", None)):
        _, findings = compare([Said(0, there)], [row(0, Said(0, stored))])
        assert findings.counts == {FindingKind.SOURCE_CHANGED: 1}


def test_a_source_that_ends_before_the_position_has_lost_records() -> None:
    _, findings = compare([], [], end=5, position=9)
    assert findings.counts == {FindingKind.SOURCE_LOST: 1}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", None])
def test_a_digest_without_a_statement_is_found(body: bytes | None) -> None:
    forged = row(0, Said(0))._replace(action=DIGEST, body=body, src_end=3)
    _, findings = compare([Said(0), Said(1), Said(2)], [forged])
    assert findings.counts == {FindingKind.SOURCE_CHANGED: 1}


def test_overlapping_digests_are_found() -> None:
    from driftline.ledger.leaf import Source

    rows = []
    for seq, (start, end) in enumerate([(0, 3), (2, 5)]):
        builder = DigestBuilder(start)
        for _ in range(start, end):
            builder.add(b"k", b"v", None, 7)
        draft = digest_draft(Source(*SOURCE, start, end), builder.statement(end), event_ts=None, salt=SALT)
        plain = row(seq, Said(start))
        rows.append(plain._replace(action=DIGEST, body=draft.payload, src_start=start, src_end=end))
    _, findings = compare([Said(n) for n in range(5)], rows, position=5)
    assert findings.first is not None
    assert findings.first.sequence == 1


def test_records_of_a_partly_expired_digest_are_not_counted_against_it(tmp_path: Path) -> None:
    builder = DigestBuilder(0)
    for _ in range(4):
        builder.add(b"k", b"v", None, 7)
    digest = row(0, Said(0))._replace(action=DIGEST, body=builder.statement(4), src_end=4)
    tally, findings = compare([Said(2), Said(3)], [digest], low=2)
    assert (tally.expired, tally.digested, findings.first) == (1, 0, None)


def test_an_uncovered_record_names_the_entry_before_which_it_is_missing() -> None:
    _, findings = compare([Said(0), Said(1)], [row(40, Said(1))])
    assert findings.first is not None
    assert (findings.first.sequence, findings.first.kind) == (40, FindingKind.SOURCE_OMITTED)
    _, findings = compare([Said(0), Said(1)], [row(40, Said(0))])
    assert findings.first is not None
    assert findings.first.sequence == 100


def test_a_changed_header_or_time_is_a_changed_record() -> None:
    @dataclass(frozen=True)
    class Later(Said):
        def timestamp(self) -> tuple[int, int]:
            return 2, 8

    _, findings = compare([Later(0)], [row(0, Said(0))])
    assert findings.counts == {FindingKind.SOURCE_CHANGED: 1}
