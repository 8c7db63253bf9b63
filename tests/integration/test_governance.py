"""Governance on a real Kafka: what the in-memory twin cannot promise by itself."""

import time

import pytest

from driftline import codec, topics
from driftline.clock import SystemClock
from driftline.errors import Unavailable
from driftline.events import Baseline, BaselineColumn, ColumnKind, ModelRegistered
from driftline.governance.definition import parse_definition
from driftline.governance.errors import Conflict
from driftline.governance.monitors import plan
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.preflight import new_topic
from driftline.runtime.topic_cache import open_engine
from services.governance.adapters.journal import TOPICS, Journal, Proposal
from services.governance.consumer import Desk
from services.governance.store import Store

pytestmark = pytest.mark.integration

COLUMN = BaselineColumn(
    name="temp", kind=ColumnKind.NUMERIC, edges=(), psi_edges=(), categories=(), counts=(), sums=(), origin=0.0
)


@pytest.fixture
def cluster(own_broker):
    own_broker.start()
    found = ConfluentCluster.at(own_broker.bootstrap)
    found.admin().create([new_topic(topics.catalogue()[name]) for name in TOPICS])
    producer = found.producer()
    baseline = Baseline(baseline_id="b1", model_id="m", rows=1, columns=(COLUMN,), provenance={})
    producer.produce(topics.name("baselines"), codec.encode(baseline), key=b"b1")
    assert producer.flush(30) == 0
    producer.close()
    return found


@pytest.fixture
def instance(cluster, tmp_path):
    opened = []

    def start(name):
        journal = Journal(cluster, SystemClock())
        desk = Desk(journal, Store(open_engine(f"sqlite:///{tmp_path / name}.db")))
        desk.open()
        opened.append(journal)
        return desk

    yield start
    for journal in opened:
        journal.close()


def apply(minimum_n, expected=None):
    def decide(store):
        text = f"baseline: b1\npositive_class: late\nminimum_n: {minimum_n}\n"
        definition = parse_definition(text, model_id="m", actor="ann", baseline=store.baseline("b1"))
        current = store.current_monitor("m")
        planned = plan(definition, current=current.monitor if current else None, expected_version=expected, watermark=None)
        return Proposal((planned.monitor,), planned.monitor.monitor_version)

    return decide


def ask(desk, decide):
    future = desk.change(decide, "ann")
    desk.step()
    return future.result(0)


def test_two_instances_write_contiguous_versions_and_see_each_other(instance):
    one, two = instance("one"), instance("two")
    written = [ask(desk, apply(100 + number)) for number, desk in enumerate((one, two, one, one, two, two, one, two))]
    assert written == [1, 2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(Conflict):
        ask(one, apply(999, expected=7))


def test_a_change_is_seen_by_its_own_instance_as_soon_as_it_is_answered(instance):
    desk = instance("one")
    for number in range(10):
        event = ModelRegistered(model_id=f"m{number}", description="", owner="", tags={}, actor="ann", at=number)
        ask(desk, lambda _, event=event: Proposal((event,), None))
        assert desk._store.model(event.model_id) is not None


def test_changes_go_on_after_the_broker_has_fallen(instance, own_broker):
    desk = instance("one")
    assert ask(desk, apply(1)) == 1
    own_broker.kill()
    own_broker.restart()
    deadline = time.monotonic() + 60
    while True:
        try:
            assert ask(desk, apply(2, expected=1)) == 2
        except Unavailable:
            assert time.monotonic() < deadline
        else:
            break
    assert [each.monitor.monitor_version for each in desk._store.monitor_versions("m")] == [1, 2]
