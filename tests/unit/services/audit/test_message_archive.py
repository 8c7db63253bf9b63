"""What is digested is kept beside the ledger, and every file is checked against its digest."""

from pathlib import Path
from typing import Any

import pytest

from driftline import topics
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.messages import MessageProof, check_message
from driftline.ledger.records import DIGEST
from driftline.ledger.store import UrlObjects
from driftline.ledger.store.keeping_messages import Files, check_files, prove_message_at
from services.audit.adapters.message_archive import MessageArchive
from services.audit.consumer import Pace
from tests.unit.ledger.ledger_builders import KEY
from tests.unit.services.audit.world import World

PREDICTIONS = topics.name("predictions")
VKEY: VerifierKey = KEY.verifier


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def objects(tmp_path: Path) -> UrlObjects:
    return UrlObjects(f"file://{tmp_path}/archive")


def checked(world: World, objects: UrlObjects, topic: str | None = None) -> Files:
    with world.writer().store.snapshot() as snapshot:
        return check_files(snapshot, objects, topic)


def kept(world: World, objects: Any) -> None:
    world.run(world.recorder(pace=Pace(keep=MessageArchive(objects))))


def test_every_digest_has_its_file_and_every_message_its_proof(world: World, objects: UrlObjects) -> None:
    world.predictions(7)
    world.predictions(3, partition=5)
    world.event(1)
    kept(world, objects)
    world.predictions(2, first=7)
    kept(world, objects)
    assert [entry.action for entry in world.entries()].count(DIGEST) == 3
    assert checked(world, objects) == Files(messages=12, files=3)
    assert checked(world, objects, topics.name("labels")) == Files()
    with world.writer().store.snapshot() as snapshot:
        for partition, offset in [(0, 0), (0, 8), (5, 2)]:
            data = prove_message_at(snapshot, objects, PREDICTIONS, partition, offset).encode()
            proof = MessageProof.parse(data)
            _, source = check_message(proof, VKEY)
            assert (source.partition, proof.message.offset, proof.message.value) == (
                partition,
                offset,
                b"prediction %d" % offset,
            )
        with pytest.raises(LookupError, match="no digest"):
            prove_message_at(snapshot, objects, PREDICTIONS, 0, 9)
    assert world.verify().valid


def test_a_tampered_file_is_named(world: World, objects: UrlObjects, tmp_path: Path) -> None:
    world.predictions(3)
    world.predictions(3, partition=5, first=10)
    kept(world, objects)
    one, other = sorted((tmp_path / "archive").rglob("*.avro"))
    other.write_bytes(one.read_bytes())
    found = checked(world, objects)
    assert (found.files, list(found.wrong)) == (1, [str(other.relative_to(tmp_path / "archive"))])
    with world.writer().store.snapshot() as snapshot, pytest.raises(ProofInvalid, match="/5/"):
        prove_message_at(snapshot, objects, PREDICTIONS, 5, 1)


def test_a_file_that_is_gone_is_named_but_not_those_before_the_first(world: World, objects: UrlObjects, tmp_path: Path) -> None:
    world.predictions(3)
    world.run()  # not kept yet
    for number in (3, 6):
        world.predictions(3, first=number)
        kept(world, objects)
    assert checked(world, objects) == Files(messages=6, files=2)
    first, last = sorted((tmp_path / "archive").rglob("*.avro"))
    last.unlink()
    assert checked(world, objects).missing == [str(last.relative_to(tmp_path / "archive"))]
    first.unlink()
    assert checked(world, objects) == Files()


def test_nothing_is_digested_that_could_not_be_kept(world: World, objects: UrlObjects) -> None:
    class Full:
        def get(self, name: str, largest: int = 0) -> bytes | None:
            return None

        def put(self, name: str, data: bytes) -> None:
            raise LedgerUnavailable("the disk is full")

    world.predictions(3)
    with pytest.raises(LedgerUnavailable):
        kept(world, Full())
    assert world.entries() == []
    kept(world, objects)
    assert checked(world, objects) == Files(messages=3, files=1)
