"""Stage evaluate in the real loop on the in-memory twin."""

from __future__ import annotations

from driftline.codec import decode
from driftline.envelope import read
from driftline.events import Decision, DriftDetected, HealthCleared, HealthOpened, MonitorState, WindowReport
from driftline.kafka.ports import TopicPartition
from services.drift.evaluate.cache import StateCache
from services.drift.evaluate.states import States
from tests.unit.simulation.events import MODELS, Row
from tests.unit.simulation.stage1 import PROFILES
from tests.unit.simulation.world import HOUR, SECOND, START, World


def one_window(world: World) -> World:
    world.start()
    for partition in range(2):
        world.send("predictions", partition, *(Row("north", f"{n}", START + n * SECOND, "AA") for n in range(10)))
    world.run(6)
    for partition in range(2):
        world.send("predictions", partition, Row("north", "next", START + 2 * HOUR, "UA"))
    world.run(8)
    return world


def test_report_drift_event_state_and_offsets_are_one_transaction():
    world = one_window(World(1, instances=1))
    (report,) = world.told("windows")
    (event,) = world.told("drift-events")
    assert isinstance(report, WindowReport)
    assert isinstance(event, DriftDetected)
    assert (report.n, report.decision) == (20, Decision.INPUTS)
    records = [*world.cluster.records("driftline.windows"), *world.cluster.records("driftline.drift-events")]
    transactions = {id(record.transaction): record.transaction for record in records}
    assert len(transactions) == 1
    (transaction,) = transactions.values()
    assert transaction is not None
    assert {place.topic for place in transaction.partitions} >= {"states", "driftline.windows", "driftline.drift-events"}
    assert transaction.offsets["evaluate"]


def test_events_carry_an_envelope_that_names_the_model_and_a_deterministic_id():
    first, second = (one_window(World(1, instances=1)) for _ in range(2))

    def envelopes(world):
        records = [*world.cluster.records("driftline.windows"), *world.cluster.records("driftline.drift-events")]
        return [(record.key(), read(record.headers())) for record in records]

    assert envelopes(first) == envelopes(second)
    (key, report), (event_key, event) = envelopes(first)
    assert key == f"north/1//1 hour/{START}".encode()
    assert (report.type, report.subject, report.source) == ("WindowReport", "north", "/drift")
    assert (event_key, event.type, event.subject) == (b"north", "DriftDetected", "north")


def test_state_goes_to_the_partition_of_its_profiles():
    world = one_window(World(1, instances=1))
    for record in world.cluster.records("states"):
        if record.value() is not None and b'"north"' in (record.key() or b""):
            assert record.partition() == partition_of(world)


def partition_of(world: World) -> int:
    (found,) = {record.partition() for record in world.cluster.records(PROFILES) if record.key() == b"north"}
    return found


def test_every_monitor_is_acknowledged_by_the_owner_of_its_partition_only():
    world = one_window(World(1, instances=2))
    active = [status.model_id for status in world.told("monitor-status") if status.watermark is None]
    assert sorted(active) == sorted(MODELS)
    assert {status.status for status in world.told("monitor-status")} == {MonitorState.ACTIVE}


def test_the_first_start_commits_where_it_begins():
    world = World(1, instances=1)
    world.start()
    world.run(2, parts=["evaluate"])
    assert world.cluster.admin().group_offsets("evaluate") == {TopicPartition(PROFILES, n): 0 for n in range(2)}


def test_a_restart_repeats_nothing():
    world = one_window(World(1, instances=1))
    before = [record.value() for record in world.cluster.records("driftline.windows")]
    (evaluator,) = world.parts["evaluate"]
    for _ in range(3):
        evaluator.die()
        evaluator.start()
        world.run(3)
    assert [record.value() for record in world.cluster.records("driftline.windows")] == before
    assert [decode(value or b"").revision for value in before] == [1]


def stalls(world: World) -> list[tuple[type, str, int]]:
    return [(type(event), event.subject, event.at) for event in world.told("health") if event.kind == "stalled_partition"]


def test_a_silent_stage_1_is_told_of_once_by_the_clock_of_the_process_and_cleared_when_it_speaks_again():
    world = one_window(World(1, instances=1))
    silent = [part for part in ("profile", "join") for _ in world.parts[part]]
    for part in silent:
        world.parts[part][0].die()
    stopped = world.clock.now_us()
    world.run(95, parts=["evaluate"])  # 28 s
    assert stalls(world) == []
    world.run(20, parts=["evaluate"])
    opened = stalls(world)
    assert {kind for kind, _, _ in opened} == {HealthOpened}
    assert sorted(subject for _, subject, _ in opened) == sorted(
        f"{topic}[{partition}] as read by {part}"
        for part, topics in (("profile", ["predictions"]), ("join", ["labels", "predictions"]))
        for topic in topics
        for partition in range(2)
    )
    assert all(28 * SECOND < at - stopped < 31 * SECOND for _, _, at in opened)  # progress was up to a second old
    (evaluator,) = world.parts["evaluate"]
    evaluator.die()
    evaluator.start()
    world.run(150, parts=["evaluate"])
    assert stalls(world) == opened
    for part in silent:
        world.parts[part][0].start()
    world.run(20)
    cleared = stalls(world)[len(opened) :]
    assert {kind for kind, _, _ in cleared} == {HealthCleared}
    assert sorted(subject for _, subject, _ in cleared) == sorted(subject for _, subject, _ in opened)


def test_a_stage_1_that_never_spoke_is_told_of_half_a_minute_after_the_start():
    world = World(1, instances=1)
    world.parts["evaluate"][0].start()
    world.run(90, parts=["evaluate"])
    assert stalls(world) == []
    world.run(20, parts=["evaluate"])
    assert {kind for kind, _, _ in stalls(world)} == {HealthOpened}
    assert "has never reported" in world.told("health")[0].detail


def test_the_cache_reflects_the_topic_and_is_used(tmp_path):
    world = World(1, instances=1)
    cache = StateCache(tmp_path / "cache.sqlite")
    world.caches = {"evaluate-0": cache}
    one_window(world)
    world.run(40)  # past the ten seconds between two writes of the cache
    partition = partition_of(world)
    stamp = cache.stamp(partition)
    assert stamp is not None
    assert stamp.position > 0
    (evaluator,) = world.parts["evaluate"]
    known = cache.entries(partition)
    truth = evaluator.handler._states.load(partition)
    assert {key: known[key] for key in truth if b"pane" in key} == {key: truth[key] for key in truth if b"pane" in key}
    read_from = []

    class Watched(States):
        def _rolled_forward(self, place, found, stamp):
            read_from.append(stamp.position)
            return States._rolled_forward(self, place, found, stamp)

    world.states_type = Watched
    evaluator.die()
    evaluator.start()
    world.run(3)
    assert read_from[partition] == stamp.position
    world.finish()
    assert all(reports[-1].final for reports in world.reports().values())
