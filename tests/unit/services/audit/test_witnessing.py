"""Heads shown to witnesses: quorum, witnesses that are away, two histories, what is measured, published and kept."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.checkpoint import Note, open_checkpoint, signed_text
from driftline.ledger.cosignature import Algorithm, Cosigner, cosigned
from driftline.ledger.growth import Growth
from driftline.ledger.policy import Policy, parse_policy
from driftline.ledger.receipt import check_receipt
from driftline.ledger.store import LedgerWriter, receipt_of
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.witness_client import Answer
from services.audit.adapters.checkpoints import CheckpointPublisher
from services.audit.witness.cosigning import NotCosigned, Witness
from services.audit.witness.store import WitnessStore
from services.audit.witnessing import REFUSED, Witnessing, WitnessingPart
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger, writer_at
from tests.unit.services.audit.witness.log_and_witness import Log

SECOND = 1_000_000
KEYS = [Cosigner(f"w{number}.example.com", bytes([number]) * 32) for number in range(3)]
TWO_OF_THREE = "\n".join(
    [
        *(f"witness w{number} {key.verifier.encode()} http://w/" for number, key in enumerate(KEYS)),
        "group g 2 w0 w1 w2",
        "quorum g",
    ]
)


class Direct:
    """A witness without HTTP in between; `away`, or answering by `instead`."""

    def __init__(self, folder: Path, key: Cosigner, clock: ManualClock) -> None:
        self.witness = Witness([key], {ORIGIN: KEY.verifier}, WitnessStore(folder / f"{key.verifier.name}.db"), clock)
        self.away = False
        self.asked = 0
        self.instead: Callable[[bytes], Answer] | None = None

    def add(self, request: bytes) -> Answer:
        self.asked += 1
        if self.away:
            raise Unavailable("nobody there")
        if self.instead is not None:
            return self.instead(request)
        try:
            return Answer(200, self.witness.add_checkpoint(request)[1])
        except NotCosigned as refusal:
            return Answer(refusal.code, f"{refusal.size}\n" if refusal.code == 409 else str(refusal))


class House:
    """A ledger, three witnesses of which two are a quorum, and what is said of them."""

    def __init__(self, folder: Path, entries: int = 20, policy: str = TWO_OF_THREE) -> None:
        self.folder = folder
        self.clock = ManualClock(2_000 * SECOND)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic(topics.name(name), 1) for name in ("health", "checkpoints")])
        self.writer = ledger(folder, entries)
        self.peers = [Direct(folder, key, self.clock) for key in KEYS]
        self.policy: Policy = parse_policy(policy.encode())
        self.published: list[tuple[int, str]] = []
        self.witnessing = self.open()

    def open(self, writer: LedgerWriter | None = None, own: Sequence[Cosigner] = ()) -> Witnessing:
        events = HealthEvents(self.cluster.producer(), source="audit", clock=self.clock)
        clients = {f"w{number}": peer for number, peer in enumerate(self.peers) if number < len(self.policy.witnesses)}
        return Witnessing(
            (writer or self.writer).store,
            self.policy,
            clients,
            self.clock,
            events=events,
            quorum=lambda size, note: self.published.append((size, note)),
            own=own,
        )

    def grow(self, first: int, end: int) -> None:
        grow(self.writer, [[draft(number) for number in range(first, end)]])

    def said(self) -> list[object]:
        return [codec.decode(record.value() or b"") for record in self.cluster.records(topics.name("health"))]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def measured(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"driftline_ledger_{name}", labels)


def test_a_head_with_a_quorum_is_published_once_with_its_cosignatures(house: House) -> None:
    house.witnessing.look()
    house.witnessing.look()
    ((size, note),) = house.published
    assert size == 20
    assert open_checkpoint(note, KEY.verifier).size == 20
    assert cosigned(Note.parse(note), [key.verifier for key in KEYS]) == {key.verifier: 2_000 for key in KEYS}
    assert [peer.asked for peer in house.peers] == [1, 1, 1]
    assert measured("unwitnessed_entries") == 0
    assert measured("unwitnessed_seconds") == 0
    assert measured("witness_size_entries", witness="w1") == 20


def test_each_later_head_is_shown_with_a_proof_from_the_last(house: House) -> None:
    house.witnessing.look()
    for end in (21, 40, 300):
        house.grow(house.writer.size, end)
        house.witnessing.look()
    assert [size for size, _ in house.published] == [20, 21, 40, 300]
    assert house.witnessing.witnessed == 300


def test_one_witness_may_be_away_and_catches_up(house: House) -> None:
    house.peers[2].away = True
    house.witnessing.look()
    assert house.witnessing.witnessed == 20
    house.grow(20, 30)
    house.witnessing.look()
    house.peers[2].away = False
    house.clock.advance(60 * SECOND)
    house.witnessing.look()
    assert house.witnessing.witnessed == 30
    assert signed_text(house.peers[2].witness.latest(ORIGIN) or "").size == 30


def test_without_a_quorum_nothing_is_published_and_the_wait_is_measured(house: House) -> None:
    for peer in house.peers[1:]:
        peer.away = True
    house.witnessing.look()
    house.clock.advance(90 * SECOND)
    house.witnessing.look()
    assert house.published == []
    assert measured("unwitnessed_entries") == 20
    assert measured("unwitnessed_seconds") == pytest.approx(2_090 - 1_000e-6)
    house.peers[1].away = False
    house.clock.advance(60 * SECOND)
    house.witnessing.look()
    assert [size for size, _ in house.published] == [20]
    assert measured("unwitnessed_entries") == 0


def test_a_witness_that_is_away_is_asked_ever_more_seldom(house: House) -> None:
    house.peers[0].away = True
    for _ in range(300):
        house.witnessing.look()
        house.clock.advance(SECOND)
    assert 8 <= house.peers[0].asked <= 12


def test_a_restart_asks_from_where_the_witnesses_stand_and_knows_what_was_witnessed(house: House) -> None:
    house.witnessing.look()
    house.grow(20, 30)
    again = house.open()
    assert again.witnessed == 20
    again.look()
    assert again.witnessed == 30
    assert house.said() == []


def test_two_instances_do_not_disturb_each_other(house: House) -> None:
    other = house.open(writer_at(house.folder))
    house.witnessing.look()
    other.look()
    house.grow(20, 30)
    other.look()
    house.witnessing.look()
    assert (house.witnessing.witnessed, other.witnessed) == (30, 30)
    assert house.said() == []


def test_a_witness_that_knows_another_history_is_an_alarm_of_the_first_order(house: House) -> None:
    house.peers[0].witness.add_checkpoint(Log().growth(0, 12))
    house.witnessing.look()
    (opened,) = house.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity, opened.subject) == (REFUSED, "CRITICAL", "w0")
    assert "not those of this ledger" in opened.detail
    assert house.witnessing.witnessed == 20  # by the two others: whom to believe is for people


def test_a_head_of_the_same_size_with_another_root_is_an_alarm(house: House) -> None:
    house.peers[0].witness.add_checkpoint(Log().growth(0, 20))
    house.witnessing.look()
    (opened,) = house.said()
    assert isinstance(opened, HealthOpened)
    assert "two histories" in opened.detail


def test_a_database_that_was_put_back_is_an_alarm(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    house = House(tmp_path)
    house.witnessing.look()
    house.writer = ledger(tmp_path / "old", 10)
    house.open().look()
    told = [event for event in house.said() if isinstance(event, HealthOpened)]
    assert {event.subject for event in told} == {"w0", "w1", "w2"}
    assert "has cosigned 20 entries, the database has 10" in told[0].detail


def test_a_ledger_that_was_rewritten_cannot_be_shown_and_says_so(house: House) -> None:
    house.witnessing.look()
    house.grow(20, 300)
    with sqlite3.connect(house.folder / "ledger.db") as connection:
        connection.execute("DROP TRIGGER ledger_entry_no_update")
        connection.execute("PRAGMA foreign_keys = 0")
        connection.execute("UPDATE ledger_entry SET entry_hash = zeroblob(32) WHERE seq = 299")
    connection.close()
    house.witnessing.look()
    assert {event.kind for event in house.said() if isinstance(event, HealthOpened)} == {REFUSED}
    assert house.witnessing.witnessed == 20


def test_an_alarm_is_cleared_when_the_witness_cosigns_again(house: House) -> None:
    house.peers[0].instead = lambda _request: Answer(422, "no")
    house.witnessing.look()
    house.peers[0].instead = None
    house.clock.advance(60 * SECOND)
    house.witnessing.look()
    assert [type(event) for event in house.said()] == [HealthOpened, HealthCleared]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, ""),
        Answer(200, "nonsense"),
        Answer(200, KEYS[1].cosign(Log().head(20), 1).line()),
        Answer(200, KEYS[0].cosign(Log().head(20), 1).line()),
        Answer(409, ""),
        Answer(409, "-1\n"),
        Answer(409, "1e3\n"),
        Answer(409, "9" * 30),
        Answer(403, "no"),
        Answer(404, "no"),
        Answer(500, "\u2014"),
        Answer(302, ""),
    ],
)
def test_an_answer_that_proves_nothing_counts_for_nothing_and_is_no_alarm(house: House, answer: Answer) -> None:
    house.peers[0].instead = lambda _request: answer
    house.witnessing.look()
    assert house.said() == []
    assert house.witnessing.witnessed == 20
    ((_, note),) = house.published
    assert set(cosigned(Note.parse(note), [key.verifier for key in KEYS])) == {KEYS[1].verifier, KEYS[2].verifier}


def test_lines_of_others_in_an_answer_are_left_out(house: House) -> None:
    def talkative(request: bytes) -> Answer:
        head = signed_text(Growth.parse(request).note)
        return Answer(200, KEYS[1].cosign(head, 1).line() + KEYS[0].cosign(head, 7).line())

    house.peers[0].instead = talkative
    house.peers[1].away = True
    house.witnessing.look()
    ((_, note),) = house.published
    assert cosigned(Note.parse(note), [key.verifier for key in KEYS]) == {KEYS[0].verifier: 7, KEYS[2].verifier: 2_000}


def test_receipts_carry_the_cosignatures(house: House) -> None:
    house.witnessing.look()
    house.grow(20, 30)
    with house.writer.store.snapshot() as snapshot:
        old, new = (snapshot.entry_at(seq) for seq in (3, 25))
        assert old is not None
        assert new is not None
        for entry, size in ((old, 20), (new, 30)):
            receipt = receipt_of(snapshot, entry, payload=False)
            assert check_receipt(receipt, KEY.verifier).checkpoint.size == size
            assert bool(cosigned(Note.parse(receipt.note), [KEYS[0].verifier])) == (size == 20)


@pytest.mark.parametrize(
    "line", ["", "nonsense", "\u2014 w AAAA\n", "\n\n\u2014 w AAAAAAAA\n", "\u2014 w AAAAAAAA", "\u2014 w\x00 AAAAAAAA\n"]
)
def test_a_line_that_somebody_put_there_by_force_disturbs_nobody(house: House, line: str) -> None:
    with sqlite3.connect(house.folder / "ledger.db") as connection:
        connection.execute("INSERT INTO ledger_cosignature VALUES (20, 'forger', ?)", (line,))
    connection.close()
    house.witnessing.look()
    ((_, note),) = house.published
    assert len(Note.parse(note).signatures) == 4


def test_the_ledgers_own_key_of_ml_dsa_cosigns_without_any_witness(tmp_path: Path) -> None:
    house = House(tmp_path, policy="quorum none")
    own = Cosigner(ORIGIN, bytes(32), Algorithm.ML_DSA_44)
    house.open(own=[own]).look()
    with house.writer.store.snapshot() as snapshot:
        note = snapshot.latest_note() or ""
    assert cosigned(Note.parse(note), [own.verifier]) == {own.verifier: 2_000}
    assert house.published == []


def test_what_is_published_can_be_told_from_heads_without_witnesses(house: House) -> None:
    publisher = CheckpointPublisher(house.cluster.producer(), ORIGIN, house.clock)
    house.witnessing.look()
    publisher.cosigned(*house.published[0])
    (record,) = house.cluster.records(topics.name("checkpoints"))
    assert record.key() == f"{ORIGIN}#cosigned".encode()


def test_an_empty_ledger_is_shown_to_nobody(tmp_path: Path) -> None:
    house = House(tmp_path, entries=0)
    house.witnessing.look()
    assert [peer.asked for peer in house.peers] == [0, 0, 0]


def test_the_part_looks_until_it_is_stopped(house: House) -> None:
    part = WitnessingPart(house.witnessing, every_us=1)
    house.peers[0].instead = lambda _request: (part.stop(), Answer(404, ""))[1]
    part.run()
    assert house.published
