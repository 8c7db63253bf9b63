"""A condition is told once when it opens and once when it clears."""

from __future__ import annotations

import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.preflight import new_topic


@pytest.fixture
def cluster():
    made = MemoryCluster(ManualClock(1_700_000_000_000_000))
    made.admin().create([new_topic(topics.catalogue()["health"])])
    return made


@pytest.fixture
def events(cluster):
    return HealthEvents(cluster.producer(), source="drift", clock=ManualClock(5))


def _said(cluster):
    return [codec.decode(record.value()) for record in cluster.records("driftline.health")]


def test_it_is_opened_once_and_cleared_once(cluster, events):
    for _ in range(3):
        events.open("stalled_partition", "p/0", severity="HIGH", detail="stands still", labels={"topic": "p"})
    for _ in range(2):
        events.clear("stalled_partition", "p/0")
    opened, cleared = _said(cluster)
    assert opened == HealthOpened(
        source="drift",
        subject="p/0",
        kind="stalled_partition",
        severity="HIGH",
        detail="stands still",
        labels={"topic": "p"},
        at=5,
    )
    assert cleared == HealthCleared(source="drift", subject="p/0", kind="stalled_partition", labels={"topic": "p"}, at=5)


def test_what_was_never_opened_is_not_cleared(cluster, events):
    assert not events.clear("stalled_partition", "p/0")
    assert _said(cluster) == []


def test_a_change_of_severity_is_news(cluster, events):
    assert events.open("lag", "p", severity="LOW", detail="x")
    assert events.open("lag", "p", severity="CRITICAL", detail="x")
    assert [event.severity for event in _said(cluster)] == ["LOW", "CRITICAL"]


def test_both_carry_an_envelope_and_lie_in_one_partition(cluster, events):
    events.open("lag", "p", severity="LOW", detail="x")
    events.clear("lag", "p")
    records = cluster.records("driftline.health")
    assert {record.partition() for record in records} == {records[0].partition()}
    assert dict(records[0].headers())["ce_source"] == b"/drift"
    assert len({dict(record.headers())["ce_id"] for record in records}) == 2
