"""What events mean: every event of every ledgered topic has a row, and its fields exist."""

from dataclasses import fields
from pathlib import Path

import pytest

from driftline import events, topics
from driftline.ledger.leaf import Source
from services.audit.actions import DIGESTED, LEDGERED, MEANINGS, UNREADABLE, event_time_of
from tests.unit.services.audit.world import World

SOURCE = Source("kafka", "driftline.health", "id", 0, 0, 1)


def test_every_event_of_a_ledgered_topic_has_a_meaning() -> None:
    said = {name for topic in LEDGERED if topic not in DIGESTED for name in topics.catalogue()[topic].schemas}
    assert said == set(MEANINGS)


def test_the_ledger_takes_every_topic_but_inner_workings_and_its_own() -> None:
    assert set(topics.catalogue()) - set(LEDGERED) == {"profiles", "states", "checkpoints"}
    assert set(LEDGERED) > DIGESTED
    assert all("audit" in topics.catalogue()[topic].consumers for topic in LEDGERED)


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_a_meaning_names_fields_that_the_event_has(name: str) -> None:
    meaning = MEANINGS[name]
    known = {field.name for field in fields(getattr(events, name))}
    assert {meaning.resource_id, meaning.time, meaning.actor} - {None} <= known


def test_time_beyond_the_leafs_integers_is_left_out() -> None:
    assert event_time_of(2**53 - 1) == 2**53 - 1
    assert event_time_of(2**53) is None
    assert event_time_of(-(2**60)) is None
    assert event_time_of(None) is None


def test_actor_is_whom_the_event_names_then_the_envelope_then_the_service(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.model("m", "alice")
    world.event(1)
    world.say("health", b"nonsense")
    world.run()
    actors = {entry.action: entry.actor_name or entry.actor for entry in world.entries()}
    assert actors == {"model.registered": "alice", "health.opened": "service:drift", UNREADABLE: "service:unknown"}
