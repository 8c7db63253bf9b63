"""Recording: exactly once, in order, with every record explained at level source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from driftline import codec, topics
from driftline.events import CheckpointSigned
from driftline.kafka.errors import OffsetOutOfRange, TopicMissing
from driftline.kafka.ports import TopicPartition
from driftline.ledger.chain import ID_CONFLICT, Draft
from driftline.ledger.checkpoint import Checkpoint, Note, sign_checkpoint
from driftline.ledger.digest import parse_statement
from driftline.ledger.records import DIGEST, GAP
from driftline.ledger.report import FindingKind, Verdict
from services.audit.actions import TOMBSTONE, UNREADABLE
from services.audit.adapters.checkpoints import CheckpointPublisher
from services.audit.consumer import Pace
from tests.unit.ledger.ledger_builders import KEY, ORIGIN
from tests.unit.services.audit.world import Between, World

HEALTH = topics.name("health")
PREDICTIONS = topics.name("predictions")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def found(world: World) -> tuple[FindingKind, int | None]:
    report = world.verify()
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    return report.first_bad.kind, report.first_bad.sequence


def test_every_record_is_in_the_ledger_once_and_verifies_against_the_topics(world: World) -> None:
    for number in range(5):
        world.event(number, partition=number % 4)
    world.model("shop.churn", "alice")
    world.predictions(7)
    world.predictions(3, partition=5)
    world.run()
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.matched, report.source.digested, report.source.pending) == (6, 10, 0)
    assert [entry.action for entry in world.entries()].count(DIGEST) == 2
    assert report.entries == 8


def test_an_entry_holds_the_exact_bytes_and_where_they_came_from(world: World) -> None:
    world.event(1, partition=2)
    world.run()
    (entry,) = world.entries()
    record = world.cluster.records(HEALTH)[0]
    assert entry.payload == record.value()
    assert entry.source is not None
    assert (entry.source.topic, entry.source.partition, entry.source.start, entry.source.end) == (HEALTH, 2, 0, 1)
    assert entry.source.topic_id == world.cluster.admin().describe([HEALTH])[HEALTH].topic_id
    assert (entry.action, entry.resource_type, entry.resource_id) == ("health.opened", "service", "drift")
    details = orjson.loads(entry.details or b"")
    assert details["key"] == "k"
    assert ["ce_id", "id-1"] in details["headers"]


def test_a_restart_goes_on_where_the_ledger_stands(world: World) -> None:
    world.event(1)
    world.predictions(4)
    recorder = world.recorder()
    recorder.step(0.0)
    recorder.close()  # the digest is still open: nothing of it is recorded
    world.event(2)
    world.predictions(2, first=4)
    world.run()
    assert [entry.action for entry in world.entries()] == ["health.opened", "health.opened", DIGEST]
    assert world.verify().valid
    assert parse_statement(world.entries()[2].payload or b"")[:3] == (0, 6, 6)


def test_nothing_new_appends_nothing(world: World) -> None:
    world.event(1)
    world.run()
    world.run()
    assert len(world.entries()) == 1


def test_a_digest_closes_by_count_and_by_age(world: World) -> None:
    recorder = world.recorder(pace=Pace(digest_us=1_000_000, digest_records=5))
    world.predictions(4)
    recorder.step(0.0)
    assert world.entries() == []
    world.predictions(1, first=4)
    recorder.step(0.0)
    assert len(world.entries()) == 1
    world.predictions(1, first=5)
    recorder.step(0.0)
    world.clock.advance(999_999)
    recorder.step(0.0)
    assert len(world.entries()) == 1
    world.clock.advance(1)
    recorder.step(0.0)
    assert [parse_statement(e.payload or b"")[:3] for e in world.entries()] == [(0, 5, 5), (5, 6, 1)]
    assert world.verify().valid


def test_aborted_records_are_in_no_entry_and_no_digest(world: World) -> None:
    producer = world.cluster.transactional_producer("t")
    producer.init_transactions()
    for outcome in ("abort", "commit", "abort", "commit"):
        producer.begin()
        for topic in (HEALTH, PREDICTIONS):
            producer.produce(topic, outcome.encode(), key=b"k", partition=0)
        getattr(producer, outcome)()
    world.run()
    assert [e.payload for e in world.entries() if e.action == UNREADABLE] == [b"commit", b"commit"]
    (digest,) = [e for e in world.entries() if e.action == DIGEST]
    start, end, count, _ = parse_statement(digest.payload or b"")
    assert (start, count) == (0, 2)
    assert end >= 7  # the markers lie inside
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.matched, report.source.digested) == (2, 2)


def test_aborted_records_at_the_end_are_passed_over_and_make_no_gap_later(world: World) -> None:
    world.event(0)
    world.predictions(1)
    recorder = world.run()
    producer = world.cluster.transactional_producer("t")
    producer.init_transactions()
    producer.begin()
    for topic in (HEALTH, PREDICTIONS):
        producer.produce(topic, b"aborted", key=b"k", partition=0)
    producer.abort()
    recorder.step(0.0)
    assert recorder.lag() == 4
    recorder.pass_over()
    assert recorder.lag() == 0
    for name in (HEALTH, PREDICTIONS):
        world.cluster.truncate(TopicPartition(name, 0), 3)
    world.run()
    assert [entry.action for entry in world.entries()] == ["health.opened", DIGEST]
    assert world.verify().valid


def test_a_repeat_makes_no_entry_and_is_explained(world: World) -> None:
    world.event(1)
    world.event(2)
    world.event(1)
    world.run()
    world.event(2, partition=3)
    world.run()
    assert len(world.entries()) == 2
    report = world.verify()
    assert report.valid
    assert report.duplicates == (
        f"{HEALTH}/0 offset 2: duplicate of entry 0",
        f"{HEALTH}/3 offset 0: duplicate of entry 1",
    )


def test_the_same_id_with_other_bytes_is_an_entry_of_its_own(world: World) -> None:
    world.event(1)
    world.event(2, ce_id="id-1", detail="not the same")
    world.run()
    world.event(3, ce_id="id-1", detail="again not the same")
    world.run()
    assert [entry.action for entry in world.entries()] == ["health.opened", ID_CONFLICT, ID_CONFLICT]
    assert world.verify().valid


def test_tombstones_and_unreadable_records_are_entries_of_their_partition(world: World) -> None:
    world.say("monitors", None, key=b"m/1")
    world.say("health", b"\xc3\x01broken", headers=[("h", b"\xff\x00")], key=b"\xff")
    world.say("health", b"")
    world.run()
    assert sorted(entry.action for entry in world.entries()) == [TOMBSTONE, UNREADABLE, UNREADABLE]
    assert {entry.resource_type for entry in world.entries()} == {"partition"}
    assert world.verify().valid


def test_a_record_that_the_writer_leaves_out_is_found_only_against_the_source(world: World) -> None:
    for number in range(6):
        world.event(number)

    def skip(drafts: list[Draft]) -> list[Draft]:
        return [draft for draft in drafts if draft.source is None or draft.source.start != 3]

    world.run(world.recorder(Between(world.writer(), skip)))
    assert len(world.entries()) == 5
    assert found(world) == (FindingKind.SOURCE_OMITTED, 3)
    world.event(6)
    world.run()
    assert found(world) == (FindingKind.SOURCE_OMITTED, 3)


def test_a_last_record_that_the_writer_leaves_out_is_found(world: World) -> None:
    world.event(0)
    world.event(1)
    world.run(world.recorder(Between(world.writer(), lambda drafts: drafts[:1])))
    assert found(world) == (FindingKind.SOURCE_OMITTED, 1)


def test_a_record_that_the_writer_changes_is_found(world: World) -> None:
    world.event(0)
    world.event(1)

    def forge(drafts: list[Draft]) -> list[Draft]:
        return [drafts[0], replace(drafts[1], payload=b"forged")]

    world.run(world.recorder(Between(world.writer(), forge)))
    assert found(world) == (FindingKind.SOURCE_CHANGED, 1)


@pytest.mark.parametrize("field", ["details", "entry_id"])
def test_an_envelope_that_the_writer_changes_is_found(world: World, field: str) -> None:
    world.event(0)
    change: dict[str, Any] = {field: b'{"headers":[]}' if field == "details" else bytes(16)}
    world.run(world.recorder(Between(world.writer(), lambda drafts: [replace(d, **change) for d in drafts])))
    assert found(world) == (FindingKind.SOURCE_CHANGED, 0)


def test_an_entry_that_the_writer_invents_is_found(world: World) -> None:
    world.event(0)

    def invent(drafts: list[Draft]) -> list[Draft]:
        source = drafts[0].source
        assert source is not None
        forged = replace(drafts[0], entry_id=bytes(16), payload=b"forged", source=replace(source, start=5, end=6))
        return [*drafts, forged]

    world.run(world.recorder(Between(world.writer(), invent)))
    assert found(world) == (FindingKind.SOURCE_UNKNOWN, 1)


@pytest.mark.parametrize("how", ["another record", "one fewer", "one more", "another range"])
def test_a_false_digest_is_found(world: World, how: str) -> None:
    world.predictions(10)

    def forge(drafts: list[Draft]) -> list[Draft]:
        statement = orjson.loads(drafts[0].payload)
        statement |= {
            "another record": {"root": "00" * 32},
            "one fewer": {"count": 9},
            "one more": {"count": 11},
            "another range": {"to": 11},
        }[how]
        return [replace(drafts[0], payload=orjson.dumps(statement, option=orjson.OPT_SORT_KEYS))]

    world.run(world.recorder(Between(world.writer(), forge)))
    kinds = {"one fewer": FindingKind.SOURCE_OMITTED, "one more": FindingKind.SOURCE_UNKNOWN}
    assert found(world) == (kinds.get(how, FindingKind.SOURCE_CHANGED), 0)


def test_records_gone_before_they_were_read_become_a_signed_gap(world: World) -> None:
    """H19: the service was down for longer than retention."""
    for number in range(6):
        world.event(number)
    world.predictions(6)
    for name in (HEALTH, PREDICTIONS):
        world.cluster.truncate(TopicPartition(name, 0), 4)
    world.run()
    gaps = [entry for entry in world.entries() if entry.action == GAP]
    assert [(e.source.start, e.source.end) for e in gaps if e.source] == [(0, 4), (0, 4)]
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.gaps, report.source.matched, report.source.digested) == (2, 2, 2)


def test_retention_that_passes_the_position_while_it_runs_becomes_a_gap(world: World) -> None:
    recorder = world.run()
    for number in range(5):
        world.event(number)
    world.cluster.truncate(TopicPartition(HEALTH, 0), 3)
    recorder.step(0.0)
    world.run(recorder)
    assert [entry.action for entry in world.entries()] == [GAP, "health.opened", "health.opened"]
    assert world.verify().valid


def test_a_false_gap_is_found(world: World) -> None:
    for number in range(3):
        world.event(number)

    def forge(drafts: list[Draft]) -> list[Draft]:
        source = drafts[0].source
        assert source is not None
        return [replace(drafts[0], action=GAP, entry_id=bytes(16), source=replace(source, end=3))]

    world.run(world.recorder(Between(world.writer(), forge)))
    assert found(world) == (FindingKind.SOURCE_OMITTED, 0)


def test_what_retention_took_later_is_expired_not_failed(world: World) -> None:
    for number in range(6):
        world.event(number)
    world.predictions(6)
    world.run()
    for name in (HEALTH, PREDICTIONS):
        world.cluster.truncate(TopicPartition(name, 0), 4)
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.expired, report.source.matched, report.source.digested) == (5, 2, 0)


def test_a_topic_made_anew_is_another_source(world: World) -> None:
    world.event(0)
    world.event(1)
    world.run()
    world.cluster.admin().delete([HEALTH])
    world.create("health")
    world.event(7)
    world.run()
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.expired, report.source.matched) == (2, 1)
    assert [e.source.start for e in world.entries() if e.source] == [0, 1, 0]


def test_the_same_record_at_the_same_offset_of_a_topic_made_anew_is_another_entry(world: World) -> None:
    """H19: offsets repeat, and what has no id of its own is told apart by the topic's."""
    world.say("health", b"broken")
    world.run()
    world.cluster.admin().delete([HEALTH])
    world.create("health")
    world.say("health", b"broken")
    world.run()
    first, again = world.entries()
    assert first.source is not None
    assert again.source is not None
    assert (first.source.start, again.source.start) == (0, 0)
    assert first.source.topic_id != again.source.topic_id
    assert (first.action, again.action) == (UNREADABLE, UNREADABLE)
    assert world.verify().valid


def test_the_heads_that_the_ledger_publishes_are_no_entries_of_it(world: World) -> None:
    """H24: else every entry would be followed by another, for ever."""
    world.event(0)
    for _ in range(3):
        recorder = world.run()
        publisher = CheckpointPublisher(world.cluster.producer(), ORIGIN, world.clock)
        publisher.signed(*world.signed[-1])
        publisher.close()
        recorder.close()
    assert len(world.cluster.records(topics.name("checkpoints"))) == 3
    assert len(world.entries()) == len(world.signed) == 1
    assert world.verify().valid


def test_two_recorders_that_both_read_everything_record_it_once(world: World) -> None:
    one, two = world.recorder(), world.recorder()
    for number in range(20):
        world.event(number, partition=number % 4)
        world.predictions(1, first=number)
        (one if number % 3 else two).step(0.0)
        world.clock.advance(600_000)
    for recorder in (one, two, one, two):
        world.run(recorder)
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert (report.source.matched, report.source.digested, report.source.duplicates) == (20, 20, 0)


def test_a_partition_that_ends_before_the_position_is_told_and_left_alone(world: World) -> None:
    for number in range(3):
        world.event(number)
    recorder = world.run()
    world.cluster._broker.log(TopicPartition(HEALTH, 0))._entries.pop()
    world.lost.clear()
    recorder.open()
    assert [name.topic for name in world.lost] == [HEALTH]
    world.event(9, partition=1)
    world.run(recorder)
    assert len(world.entries()) == 4
    assert FindingKind.SOURCE_LOST in {finding.kind for finding in world.verify().findings}


def test_a_missing_topic_stops_the_service(world: World) -> None:
    world.cluster.admin().delete([HEALTH])
    with pytest.raises(TopicMissing, match="driftline topics apply"):
        world.recorder()


def test_records_after_the_position_are_pending(world: World) -> None:
    world.event(0)
    world.run()
    world.event(1)
    report = world.verify()
    assert report.valid
    assert report.source is not None
    assert report.source.pending == 1


def test_lag_counts_what_is_not_recorded_yet(world: World) -> None:
    recorder = world.run()
    world.event(0)
    world.predictions(3)
    assert recorder.lag() == 4
    world.run(recorder)
    assert recorder.lag() == 0


def test_every_batch_with_entries_is_signed(world: World) -> None:
    recorder = world.recorder()
    world.event(0)
    world.run(recorder)
    world.event(0)
    world.run(recorder)
    world.event(1)
    world.run(recorder)
    assert [size for size, _ in world.signed] == [1, 2]


def test_a_head_that_was_published_and_contradicts_the_ledger_is_found(world: World) -> None:
    world.event(0)
    world.run()
    publisher = CheckpointPublisher(world.cluster.producer(), ORIGIN, world.clock)
    publisher.signed(*world.signed[-1])
    publisher.close()
    assert world.verify().valid
    forged = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), KEY)
    for note in (forged, "not a note"):
        event = CheckpointSigned(log_id=ORIGIN, size=1, root="", note=note, at=0)
        world.say("checkpoints", codec.encode(event))
    world.say("checkpoints", b"nonsense")
    assert found(world) == (FindingKind.HISTORY_REWRITTEN, 0)


def test_heads_are_published_at_most_once_a_second_and_the_last_one_always(world: World) -> None:
    publisher = CheckpointPublisher(world.cluster.producer(), ORIGIN, world.clock)
    notes = [sign_checkpoint(Checkpoint(ORIGIN, size, bytes(32)), KEY) for size in range(1, 5)]
    publisher.signed(1, notes[0])
    publisher.signed(2, notes[1])
    world.clock.advance(1_000_000)
    publisher.tick()
    publisher.tick()
    publisher.signed(3, notes[2])
    publisher.signed(4, notes[3])
    publisher.close()
    published = [codec.decode(record.value() or b"") for record in world.cluster.records(topics.name("checkpoints"))]
    assert [(event.size, event.note) for event in published] == [(size, notes[size - 1]) for size in (1, 2, 4)]
    assert published[0].root == Note.parse(notes[0]).text.split("\n")[2]


def test_an_error_of_kafka_ends_the_step(world: World) -> None:
    recorder = world.recorder()
    world.event(0)
    world.cluster.fail_next("consume", OffsetOutOfRange("gone"))
    assert recorder.step(0.0) == 0
    world.run(recorder)
    assert len(world.entries()) == 1
