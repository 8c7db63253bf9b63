"""From events on the twin's topics to what the page asks for."""

from dataclasses import replace

import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import (
    AlertResolved,
    CheckpointSigned,
    HealthCleared,
    HealthOpened,
    Measure,
    ModelRegistered,
    ModelVersionRegistered,
    MonitorState,
    MonitorStatus,
    Stage,
    StageChanged,
    Task,
)
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from services.console.consumer import Follower
from services.console.store.projection import Projection
from services.console.store.queries import Queries
from services.console.store.tables import BY_TOPIC, open_tables
from tests.builders import fired_of, monitor_of, report_of
from tests.unit.alerting.builders import cleared, detected

DAY = 86_400_000_000


def window(day=0, **changes):
    measures = (
        Measure(family="feature", name="psi", column="temp", value=0.5, limit=0.25, violated=True),
        Measure(family="performance", name="auc", value=0.7),
        Measure(family="business", name="loss", value=-41.0, limit=40.0, violated=True),
        Measure(family="business", name="spread", column="temp", value=2.5),
    )
    report = report_of(start=day * DAY, end=(day + 1) * DAY, n=10, measures=measures, risk_score=30.0, severity="LOW")
    return replace(report, **changes)


DETECTED = detected(
    episode_id="e",
    model_id="m",
    since=0,
    window_start=0,
    window_end=DAY,
    risk_score=50.0,
    columns=(),
    n=10,
    summary="temp drifted",
)
CLEARED = cleared(episode_id="e", model_id="m", since=0, window_start=DAY, window_end=2 * DAY)
FIRED = fired_of()
RESOLVED = AlertResolved(
    alert_id="a", group_key="g", model_id="m", labels={}, starts_at=5, ends_at=9, reason="clean", source_event_id="s"
)
MONITOR = monitor_of(
    task=Task.BINARY,
    labels=True,
    granularities=("1 hour", "1 day"),
    alert_on="1 day",
    idle_timeout_us=1,
    max_wait_us=1,
    label_delay_us=1,
    label_ttl_us=1,
    future_skew_us=1,
    actor="ann",
)


class House:
    def __init__(self, directory):
        self.cluster = MemoryCluster(ManualClock(1))
        self.create(*BY_TOPIC)
        self.directory = directory
        self.told = []
        self.start()

    def create(self, *names):
        self.cluster.admin().create([NewTopic(topics.name(name), topics.catalogue()[name].partitions) for name in names])

    def start(self, name="console"):
        engine = open_tables(f"sqlite:///{self.directory / name}.db")
        self.queries = Queries(engine)
        self.follower = Follower(self.cluster, Projection(engine), self.told.append)
        self.follower.open()
        while self.follower.step():
            pass

    def say(self, topic, *events):
        producer = self.cluster.producer()
        for event in events:
            producer.produce(topics.name(topic), codec.encode(event), key=b"k")
        producer.flush(1)
        while self.follower.step():
            pass

    def windows(self, **changes):
        chosen = {"granularity": "1 day", "model_version": "1"} | changes
        return self.queries.windows("m", **chosen)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_the_last_revision_of_a_window_counts_whatever_the_order(house):
    house.say("windows", window(n=10), window(n=12, revision=3), window(n=11, revision=2))
    (found,) = house.windows()
    assert (found.n, found.revision) == (12, 3)
    assert found.columns == {"psi": {"temp": [0.5, 0.25, True]}}
    assert found.whole == {
        "auc": [0.7, None, False],
        "business:loss": [-41.0, 40.0, True],
        "business:spread of temp": [2.5, None, False],
    }


def test_windows_come_oldest_first_and_only_the_last_ones(house):
    house.say("windows", *(window(day) for day in (3, 1, 2, 0)))
    assert [found.start // DAY for found in house.windows(limit=3)] == [1, 2, 3]


def test_slices_versions_and_granularities_are_kept_apart(house):
    house.say(
        "windows", window(), window(slice="a"), window(model_version="2"), window(granularity="1 hour", end=3_600_000_000)
    )
    assert len(house.windows()) == len(house.windows(slice_="a")) == len(house.windows(model_version="2")) == 1
    assert house.queries.granularities("m") == ["1 hour", "1 day"]
    assert house.queries.model_versions("m") == ["1", "2"]


def test_the_fleet_is_sorted_by_risk_and_shows_the_granularity_that_alerts(house):
    house.say("monitors", MONITOR)
    house.say("windows", window(granularity="1 hour", end=3_600_000_000, risk_score=99.0), window(risk_score=30.0))
    house.say("windows", window(model_id="calm", risk_score=5.0), window(model_id="mute", risk_score=None, severity=None))
    lines = house.queries.fleet()
    assert [(line.model_id, line.risk_score, line.granularity) for line in lines] == [
        ("m", 30.0, "1 day"),
        ("calm", 5.0, "1 day"),
        ("mute", None, "1 day"),
    ]


def test_a_model_is_counted_once_however_many_windows_it_has(house):
    house.say("windows", *(window(day, model_version=version) for day in range(5) for version in ("1", "2")))
    house.say("windows", window(slice="a"), window(granularity="1 hour", end=3_600_000_000), window(model_id="calm"))
    assert [line.model_id for line in house.queries.fleet()] == ["calm", "m"]


def test_a_window_that_decided_nothing_does_not_hide_the_last_risk(house):
    house.say("windows", window(0, risk_score=30.0), window(1, risk_score=None, severity=None, n=2))
    (line,) = house.queries.fleet()
    assert (line.risk_score, line.window_end, list(line.risks)) == (30.0, DAY, [30.0, None])


def test_the_riskiest_version_speaks_for_the_model(house):
    house.say("windows", window(risk_score=10.0), window(risk_score=80.0, model_version="2", severity="CRITICAL"))
    assert house.queries.fleet()[0].risk_score == 80.0


def test_the_monitor_is_pending_until_its_own_version_is_acknowledged(house):
    def report(version, state):
        return MonitorStatus(model_id="m", monitor_version=version, status=state, evaluator="d", at=1)

    house.say("monitors", MONITOR, replace(MONITOR, monitor_version=2), MONITOR)
    house.say("monitor-status", report(1, MonitorState.ACTIVE))
    assert house.queries.fleet()[0].status == "PENDING"
    house.say("monitor-status", report(2, MonitorState.REJECTED))
    assert house.queries.fleet()[0].status == "REJECTED"


def test_the_registry_shows_owner_versions_and_stages(house):
    step = StageChanged(
        model_id="m", model_version="1", from_stage=Stage.DEVELOPMENT, to_stage=Stage.STAGING, reason="r", actor="a", at=1
    )
    house.say(
        "governance",
        ModelRegistered(model_id="m", description="d", owner="ann", tags={}, actor="a", at=1),
        ModelVersionRegistered(model_id="m", model_version="1", description="", tags={}, actor="a", at=1),
        step,
        ModelVersionRegistered(model_id="m", model_version="2", description="", tags={}, actor="a", at=1),
        replace(step, model_id="orphan"),
    )
    lines = {line.model_id: line for line in house.queries.fleet()}
    assert (lines["m"].owner, lines["m"].versions) == ("ann", [("1", "STAGING"), ("2", "DEVELOPMENT")])
    assert lines["orphan"].versions == [("1", "STAGING")]


def test_alerts_open_and_resolve(house):
    house.say("alerts", FIRED, replace(FIRED, alert_id="b", priority="critical"), replace(FIRED, title="Drift, worse"))
    assert [(line.alert_id, line.title) for line in house.queries.alerts(open_=True)] == [("b", "Drift"), ("a", "Drift, worse")]
    assert house.queries.open_alerts_by_priority() == {"critical": 1, "high": 1}
    house.say("alerts", RESOLVED)
    assert [line.alert_id for line in house.queries.alerts(open_=True)] == ["b"]
    (resolved,) = house.queries.alerts(open_=False)
    assert (resolved.alert_id, resolved.reason, resolved.ends_at) == ("a", "clean", 9)


def test_an_alert_on_driftline_itself_makes_no_model(house):
    house.say("alerts", replace(FIRED, model_id=""))
    assert house.queries.fleet() == []
    assert len(house.queries.alerts(open_=True)) == 1


def test_the_same_alert_fires_anew_after_it_was_resolved(house):
    house.say("alerts", FIRED, RESOLVED, replace(FIRED, starts_at=20))
    assert len(house.queries.alerts(open_=True)) == len(house.queries.alerts(open_=False)) == 1


def test_a_resolve_without_its_beginning_is_shown_as_resolved(house):
    house.say("alerts", RESOLVED)
    assert house.queries.alerts(open_=True) == []
    assert len(house.queries.alerts(open_=False)) == 1


def test_episodes_are_counted_while_they_are_open(house):
    house.say("drift-events", DETECTED)
    house.say("windows", window())
    assert house.queries.fleet()[0].open_episodes == 1
    house.say("drift-events", CLEARED, DETECTED)
    assert house.queries.fleet()[0].open_episodes == 0


def test_health_is_opened_and_cleared(house):
    opened = HealthOpened(source="drift", subject="p-3", kind="stalled", severity="HIGH", detail="look", labels={}, at=1)
    house.say("health", opened)
    assert [problem.subject for problem in house.queries.problems()] == ["p-3"]
    house.say("health", HealthCleared(source="drift", subject="p-3", kind="stalled", labels={}, at=2))
    assert house.queries.problems() == []


def test_the_ledger_shows_its_last_checkpoint(house):
    for size in (1, 7, 5):
        house.say("checkpoints", CheckpointSigned(log_id="l", size=size, root="r", note="", at=size))
    assert [(head.size, head.at) for head in house.queries.ledgers()] == [(7, 7)]


def test_each_batch_tells_which_models_it_concerns(house):
    house.say("windows", window(), window(model_id="other"))
    house.say("checkpoints", CheckpointSigned(log_id="l", size=1, root="r", note="", at=1))
    assert house.told == [{"m", "other"}, {""}]


def test_a_restart_continues_and_a_lost_database_is_built_again(house):
    house.say("windows", *(window(day) for day in range(5)))
    house.say("alerts", FIRED, RESOLVED)
    seen = house.windows()
    house.start()
    assert house.windows() == seen
    house.start("fresh")
    assert house.windows() == seen
    assert len(house.queries.alerts(open_=False)) == 1


def test_reading_a_batch_twice_changes_nothing(house):
    house.say("windows", window(revision=2), window(1))
    house.say("drift-events", DETECTED, CLEARED)
    before = (house.windows(), house.queries.fleet())
    house.follower._consumer.assign(dict.fromkeys(house.follower._places, 0))
    while house.follower.step():
        pass
    assert (house.windows(), house.queries.fleet()) == before


def test_a_topic_created_anew_forgets_what_it_said(house):
    house.say("windows", window())
    house.say("alerts", FIRED)
    house.cluster.admin().delete([topics.name("windows")])
    house.create("windows")
    house.start()
    assert house.windows() == []
    assert len(house.queries.alerts(open_=True)) == 1


def test_lag_counts_what_is_not_shown_yet(house):
    assert house.follower.lag() == 0
    producer = house.cluster.producer()
    producer.produce(topics.name("windows"), codec.encode(window()), key=b"k")
    producer.flush(1)
    assert house.follower.lag() == 1
