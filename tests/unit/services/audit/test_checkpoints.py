"""Heads are published whoever signed them, each once."""

from pathlib import Path

from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.events import CheckpointSigned
from driftline.ledger.keeping import Policy
from driftline.ledger.store.erasing import Author, retain
from services.audit.adapters.checkpoints import LOOK_US, CheckpointPublisher, OtherHeads
from tests.unit.ledger.ledger_builders import ORIGIN, Salts, draft, grow, writer_at
from tests.unit.services.audit.world import NOW, World


def published(world: World) -> list[int]:
    events = [codec.decode(record.value() or b"") for record in world.cluster.records(topics.name("checkpoints"))]
    return [event.size for event in events if isinstance(event, CheckpointSigned)]


def test_heads_that_others_sign_are_published_and_measured(tmp_path: Path) -> None:
    world = World(tmp_path)
    writer, decider = writer_at(tmp_path), writer_at(tmp_path)
    publisher = CheckpointPublisher(world.cluster.producer(), ORIGIN, world.clock)
    heads = OtherHeads(writer.store, publisher, world.clock)
    heads.look()
    assert published(world) == []  # an empty ledger has no head
    grow(writer, [[draft(0), draft(1)]])
    world.clock.advance(LOOK_US)
    heads.look()
    heads.look()
    retain(decider, "*", Policy(keep_days=30), Author("carol", "policy", NOW, Salts()))
    heads.look()  # it is not time
    assert published(world) == [2]
    for _ in range(2):
        world.clock.advance(LOOK_US)
        heads.look()
    assert published(world) == [2, 3]
    assert REGISTRY.get_sample_value("driftline_ledger_size_entries") == 3
    assert REGISTRY.get_sample_value("driftline_ledger_signed_size_entries") == 3
    again = CheckpointPublisher(world.cluster.producer(), ORIGIN, world.clock)
    OtherHeads(writer.store, again, world.clock).look()
    assert published(world) == [2, 3, 3]  # after a start the last one once more: nobody knows whether it went out
