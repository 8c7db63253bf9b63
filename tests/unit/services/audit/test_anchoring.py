"""Signed heads in a folder away from the database: written once, contradicted by a rewritten past, and held against the entries."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.checkpoint import Checkpoint, SigningKey, open_checkpoint, sign_checkpoint
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.report import FindingKind, Level
from driftline.ledger.store import add_cosignatures, verify_store
from driftline.ledger.store.anchors import anchored_heads
from driftline.ledger.store.objects import UrlObjects
from driftline.runtime.health_events import HealthEvents
from services.audit.anchoring import CONTRADICTED, Anchoring
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger
from tests.unit.services.audit.witness.log_and_witness import W1


class House:
    def __init__(self, folder: Path, entries: int = 20) -> None:
        clock = ManualClock(1_000_000)
        self.cluster = MemoryCluster(clock)
        self.cluster.admin().create([NewTopic(topics.name("health"), 1)])
        self.events = HealthEvents(self.cluster.producer(), source="audit", clock=clock)
        self.writer = ledger(folder, entries)
        self.objects = UrlObjects((folder / "anchors").as_uri())
        self.anchoring = self.open()

    def open(self) -> Anchoring:
        return Anchoring(self.writer.store, self.objects, self.events, every_seconds=60.0)

    def sizes(self) -> list[int]:
        return [head.size for head in anchored_heads(self.objects, KEY.verifier)]

    def said(self) -> list[object]:
        return [codec.decode(record.value() or b"") for record in self.cluster.records(topics.name("health"))]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_each_new_head_is_anchored_once(house: House) -> None:
    house.anchoring.look()
    house.anchoring.look()
    grow(house.writer, [[draft(number) for number in range(20, 25)]])
    house.anchoring.look()
    house.open().look()  # another instance, or a restart
    assert house.sizes() == [20, 25]
    assert house.said() == []
    assert REGISTRY.get_sample_value("driftline_ledger_anchored_size_entries") == 25


def test_a_head_that_witnesses_have_cosigned_goes_before_a_newer_one(house: House) -> None:
    head = Checkpoint(ORIGIN, 10, house_root(house, 10))
    add_cosignatures(house.writer.store, 10, [W1.cosign(head, 1)])
    house.anchoring.look()
    house.anchoring.look()
    assert house.sizes() == [10, 20]
    (name, *_) = house.objects.names("checkpoints")
    note = (house.objects.get(name) or b"").decode()
    assert open_checkpoint(note, KEY.verifier).size == 10
    assert W1.verifier.name in note


def house_root(house: House, size: int) -> bytes:
    with house.writer.store.snapshot() as snapshot:
        return snapshot.root_at(size)


def test_an_empty_ledger_has_nothing_to_anchor(tmp_path: Path) -> None:
    house = House(tmp_path, entries=0)
    house.anchoring.look()
    assert house.objects.names("") == []


def test_a_place_that_is_away_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_name: str, _data: bytes) -> None:
        raise LedgerUnavailable("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(house.objects, "put", away)
        house.anchoring.look()
    house.anchoring.look()
    assert house.sizes() == [20]
    assert house.said() == []


def test_a_past_that_was_rewritten_contradicts_its_anchor(house: House, tmp_path: Path) -> None:
    house.anchoring.look()
    other = tmp_path / "other"
    other.mkdir()
    house.writer = ledger(other, 0)
    grow(house.writer, [[draft(number, payload=b"rewritten") for number in range(20)]])
    house.open().look()
    (opened,) = house.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity) == (CONTRADICTED, "CRITICAL")
    report = verify_store(house.writer.store, Level.FULL, key=KEY.verifier, trusted=anchored_heads(house.objects, KEY.verifier))
    assert report.first_bad is not None
    assert report.first_bad.kind is FindingKind.HISTORY_REWRITTEN
    assert "anchor checkpoints/" in report.first_bad.detail


def test_a_tail_that_was_taken_is_found_by_the_anchor(house: House, tmp_path: Path) -> None:
    house.anchoring.look()
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    report = verify_store(
        ledger(shorter, 10).store, Level.FULL, key=KEY.verifier, trusted=anchored_heads(house.objects, KEY.verifier)
    )
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.TAIL_MISSING, 10)


def test_what_others_write_among_the_anchors_is_no_evidence(house: House) -> None:
    house.anchoring.look()
    (name,) = house.objects.names("checkpoints")
    folder = name.rsplit("/", 1)[0]
    forged = sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(32)), SigningKey(ORIGIN, bytes(32)))
    for number, data in enumerate((b"", b"\xff", b"nonsense", forged.encode())):
        house.objects.put(f"{folder}/{number:019d}", data)
    assert house.sizes() == [20]


def test_of_many_anchors_the_newest_and_a_spread_of_the_others_are_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.anchoring.look()
    (name,) = house.objects.names("checkpoints")
    folder = name.rsplit("/", 1)[0]
    names = [f"{folder}/{number:019d}" for number in range(5_000)]
    note = house.objects.get(name)
    asked: list[str] = []
    monkeypatch.setattr(house.objects, "names", lambda _folder: names)
    monkeypatch.setattr(house.objects, "get", lambda each, _largest: (asked.append(each), note)[1])
    anchored_heads(house.objects, KEY.verifier)
    assert len(asked) == 2_000
    assert asked[-1_000:] == names[-1_000:]


def test_the_part_anchors_once_more_when_it_ends(house: House) -> None:
    house.anchoring.stop()
    house.anchoring.run()
    assert house.sizes() == [20]
