"""The desk on the in-memory twin: what is decided, written, and read back."""

from dataclasses import replace

import pytest

from driftline import codec, envelope, topics
from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.events import (
    Baseline,
    BaselineColumn,
    ColumnKind,
    ModelRegistered,
    Monitor,
    MonitorState,
    MonitorStatus,
)
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.governance.errors import Conflict
from driftline.governance.monitors import plan
from driftline.kafka.errors import KafkaFailure, OutcomeUnknown
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.runtime.topic_cache import open_engine
from services.governance.adapters.journal import TOPICS, Journal, Proposal
from services.governance.consumer import Desk
from services.governance.store import Store

COLUMN = BaselineColumn(
    name="temp", kind=ColumnKind.NUMERIC, edges=(), psi_edges=(), categories=(), counts=(), sums=(), origin=0.0
)
BASELINE = Baseline(baseline_id="b1", model_id="m", rows=10, columns=(COLUMN,), provenance={})
MODEL = ModelRegistered(model_id="m", description="", owner="", tags={}, actor="ann", at=1)


class Bench:
    """A cluster of the twin and as many instances of governance as a test wants."""

    def __init__(self, directory):
        self.clock = ManualClock(1_000_000_000_000)
        self.cluster = MemoryCluster(self.clock)
        self.directory = directory
        self.create(*TOPICS)

    def create(self, *names):
        declared = [topics.catalogue()[name] for name in names]
        self.cluster.admin().create([NewTopic(each.name, each.partitions) for each in declared])

    def instance(self, name="one"):
        store = Store(open_engine(f"sqlite:///{self.directory / name}.db"))
        desk = Desk(Journal(self.cluster, self.clock), store)
        desk.open()
        return desk, store

    def say(self, topic, event, key=b"k"):
        producer = self.cluster.producer()
        producer.produce(topics.name(topic), codec.encode(event), key=key)
        producer.flush(1)

    def written(self, topic):
        return [codec.decode(record.value() or b"") for record in self.cluster.records(topics.name(topic))]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def monitor(minimum_n=200, *, store=None, expected=None):
    def decide(store):
        text = f"baseline: b1\npositive_class: late\nminimum_n: {minimum_n}\n"
        definition = parse_definition(text, model_id="m", actor="ann", baseline=store.baseline("b1"))
        current = store.current_monitor("m")
        planned = plan(
            definition,
            current=current.monitor if current else None,
            expected_version=expected,
            watermark=store.watermark("m"),
        )
        return Proposal((planned.monitor,), planned.monitor.monitor_version)

    return decide


def ask(desk, decide):
    future = desk.change(decide, "ann")
    desk.step()
    return future


def test_a_change_is_answered_once_it_is_written_and_read_back(bench):
    desk, store = bench.instance()
    bench.say("baselines", BASELINE)
    assert ask(desk, monitor()).result(0) == 1
    (written,) = bench.written("monitors")
    assert store.current_monitor("m").monitor == written
    assert store.current_monitor("m").applied_at == bench.clock.now_us()


def test_a_baseline_published_a_moment_ago_is_known_to_the_decision(bench):
    desk, _ = bench.instance()
    desk.step()
    bench.say("baselines", BASELINE)
    assert ask(desk, monitor()).result(0) == 1


def test_records_carry_their_key_and_an_envelope_with_the_actor(bench):
    desk, _ = bench.instance()
    bench.say("baselines", BASELINE)
    ask(desk, monitor())
    (record,) = bench.cluster.records(topics.name("monitors"))
    said = envelope.read(record.headers())
    assert record.key() == b"m/1"
    assert said is not None
    assert (said.type, said.source, said.subject, said.actor) == ("Monitor", "/governance", "m", "ann")


def test_a_refusal_reaches_the_caller_and_writes_nothing(bench):
    desk, _ = bench.instance()
    bench.say("baselines", BASELINE)
    with pytest.raises(Conflict):
        ask(desk, monitor(expected=7)).result(0)
    assert bench.written("monitors") == []


def test_a_change_is_read_back_even_where_its_marker_is_written_after_its_acknowledgement(bench):
    reads = []

    class Late(Journal):
        def read(self, timeout_seconds=0.0):
            reads.append(timeout_seconds)
            if len(reads) == 5:
                bench.cluster.release_markers()
            return super().read(timeout_seconds)

    store = Store(open_engine(f"sqlite:///{bench.directory / 'late.db'}"))
    desk = Desk(Late(bench.cluster, bench.clock), store)
    desk.open()
    reads.clear()
    bench.cluster.hold_markers(lambda _: True)
    ask(desk, lambda _: Proposal((MODEL,), None)).result(0)
    assert list(store.models()) == ["m"]
    assert len(reads) >= 5


def test_two_instances_never_decide_on_the_same_state(bench):
    first, store = bench.instance("one")
    second, _ = bench.instance("two")
    bench.say("baselines", BASELINE)
    assert ask(first, monitor(100)).result(0) == 1
    assert ask(second, monitor(101)).result(0) == 2
    assert ask(first, monitor(102)).result(0) == 3
    assert [each.monitor_version for each in bench.written("monitors")] == [1, 2, 3]
    with pytest.raises(Conflict):
        ask(second, monitor(103, expected=2)).result(0)
    assert [each.monitor.monitor_version for each in store.monitor_versions("m")] == [1, 2, 3]


def test_an_instance_overtaken_between_decision_and_commit_decides_anew(bench):
    first, _ = bench.instance("one")
    second, _ = bench.instance("two")
    bench.say("baselines", BASELINE)
    overtaken: list[int] = []

    def decide(store):
        if not overtaken:
            overtaken.append(ask(second, monitor(101)).result(0))
        return monitor(100)(store)

    assert ask(first, decide).result(0) == 2
    assert [(each.monitor_version, each.minimum_n) for each in bench.written("monitors")] == [(1, 101), (2, 100)]


@pytest.mark.parametrize("after", [True, False])
def test_an_unknown_outcome_is_told_and_the_repeat_is_harmless(bench, after):
    desk, store = bench.instance()
    bench.cluster.fail_next("commit", OutcomeUnknown("timed out"), after=after)
    change = lambda store: Proposal((MODEL,) if store.model("m") is None else (), None)  # noqa: E731
    with pytest.raises(Unavailable, match="repeat"):
        ask(desk, change).result(0)
    ask(desk, change).result(0)
    assert bench.written("governance") == [MODEL]
    assert store.model("m").registered == MODEL


def test_a_failing_broker_refuses_the_change_and_the_desk_goes_on(bench):
    desk, _ = bench.instance()
    bench.cluster.fail_next("begin", KafkaFailure("no"))
    change = lambda _: Proposal((MODEL,), None)  # noqa: E731
    with pytest.raises(Unavailable):
        ask(desk, change).result(0)
    ask(desk, change).result(0)
    assert bench.written("governance") == [MODEL]


def test_a_decision_that_breaks_breaks_only_its_request(bench):
    desk, _ = bench.instance()

    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(desk, broken).result(0)
    ask(desk, lambda _: Proposal((MODEL,), None)).result(0)


def test_a_restart_continues_from_the_store_and_a_lost_store_is_rebuilt(bench):
    desk, _ = bench.instance("one")
    bench.say("baselines", BASELINE)
    ask(desk, monitor())
    _, same = bench.instance("one")
    _, fresh = bench.instance("fresh")
    assert same.monitor_versions("m") == fresh.monitor_versions("m")
    assert len(fresh.monitor_versions("m")) == 1
    assert same.baseline("b1") == BaselineFacts({"temp": ColumnKind.NUMERIC})


def test_a_topic_created_anew_is_read_from_its_beginning_and_the_old_one_forgotten(bench):
    desk, _ = bench.instance("one")
    ask(desk, lambda _: Proposal((MODEL,), None)).result(0)
    bench.cluster.admin().delete([topics.name("governance")])
    bench.create("governance")
    bench.say("governance", replace(MODEL, model_id="other"))
    _, store = bench.instance("one")
    assert list(store.models()) == ["other"]


def report(status, version=1, watermark=None):
    return MonitorStatus(
        model_id="m", monitor_version=version, status=status, reason="r", watermark=watermark, evaluator="d", at=5
    )


def test_the_last_report_of_the_evaluator_and_its_watermark_are_kept(bench):
    desk, store = bench.instance()
    bench.say("monitor-status", report(MonitorState.ACTIVE, watermark=10))
    bench.say("monitor-status", report(MonitorState.PAUSED, watermark=20))
    bench.say("monitor-status", report(MonitorState.PAUSED))
    desk.step()
    assert [each.status for each in store.reports("m")] == [MonitorState.PAUSED]
    assert store.watermark("m") == 20


def test_a_second_record_of_a_version_does_not_replace_the_first(bench):
    desk, store = bench.instance()
    bench.say("baselines", BASELINE)
    ask(desk, monitor())
    (written,) = bench.written("monitors")
    bench.say("monitors", replace(written, minimum_n=1))
    desk.step()
    assert isinstance(written, Monitor)
    assert store.current_monitor("m").monitor == written
