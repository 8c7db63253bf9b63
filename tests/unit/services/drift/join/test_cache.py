"""The join's cache on disk: what a start takes from it, and what it refuses to take."""

import shutil
from collections import Counter

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from driftline.events import MonitorMetric, MonitorSlice
from driftline.kafka.ports import TopicPartition
from tests.unit.services.drift.building import DAY, HOUR, PARTITIONS, START, home_of
from tests.unit.services.drift.join.building import MONITOR, PANE, PREDICTIONS, World, change, label, pairs_of, prediction


class Watched(World):
    """Counts what a start reads of the topics."""

    read_again = 0

    def started(self):
        stage = super().started()
        learn = stage._relearn

        def counted(messages):
            self.read_again += len(messages)
            learn(messages)

        stage._relearn = counted
        return stage

    def restart(self, *, orderly=True):
        if orderly and hasattr(self, "stage"):
            self.stage.on_revoke(list(self.positions))
        self.read_again = 0
        structlog.reset_defaults()
        with capture_logs() as said:
            super().restart()
        self.said = [line for line in said if "because" in line]


def told(world):
    """A commit, as a multiset of pairs and refusals."""
    out = world.flush()
    found = Counter(pairs_of(out))
    found.update(out.reasons())
    return found


def filled(folder, *, orderly=True, monitor=MONITOR):
    """A world with a pair, a prediction, a waiting label and a changed label, started anew."""
    world = Watched(monitor, folder=folder)
    world.predict(prediction(0), prediction(1), prediction(2, said="no"))
    world.label(label(0), label(9), label(2))
    world.flush()
    world.label(label(2, value="no"))
    world.flush()
    world.restart(orderly=orderly)
    return world


def goes_on(world):
    """What a world says that remembers what `filled` did."""
    world.label(label(0, value="no"), label(1))
    world.predict(prediction(9))
    assert told(world) == {
        ("v1", "IN_TIME", PANE, "yes", "yes"): 1,  # two more, one less
        ("v1", "IN_TIME", PANE, "yes", "no"): 1,
    }


@pytest.mark.parametrize("orderly", [True, False], ids=["drained", "killed"])
def test_a_start_reads_nothing_again_and_remembers_everything(tmp_path, orderly):
    world = filled(tmp_path, orderly=orderly)
    assert (world.read_again, world.said) == (0, [])
    goes_on(world)


def test_what_was_committed_but_not_written_is_read_again(tmp_path):
    world = filled(tmp_path)
    world.write_rows = 10
    world.restart()
    world.predict(prediction(3))
    world.flush()
    world.restart(orderly=False)
    assert world.read_again == 1
    goes_on(world)


def test_without_a_folder_everything_is_read_again():
    world = filled(None)
    assert world.read_again == 7
    goes_on(world)


def test_a_dead_letter_of_a_label_that_waited_in_the_cache_is_the_same(tmp_path):
    letters = []
    for folder in (None, tmp_path):
        world = filled(folder)
        world.clock.advance(11 * DAY)
        same = next(i for i in range(10, 99) if home_of(f"p{i}") == home_of("p9"))
        world.predict(prediction(same))
        out = world.flush()
        letters.append([record for record in world.records if record.topic.endswith("dead-letters")])
        assert out.reasons() == [("label_without_prediction", "prediction_id")]
    assert letters[0] == letters[1]


def test_business_metrics_of_pairs_are_those_of_a_start_without_a_cache(tmp_path):
    """Their columns, numbers and texts, are remembered with the predictions."""
    definition = "sum(CASE WHEN {{label_col}} = 'yes' AND lower({{prediction_col}}) LIKE 'n%' THEN age ELSE 1 END)"
    metric = MonitorMetric(name="cost", definition=definition)
    panes = []
    for folder in (None, tmp_path):
        world = filled(folder, monitor=change(MONITOR, metrics=(metric,)))
        world.label(label(0, value="no"), label(1), label(2))
        world.predict(prediction(9, said="no"))
        panes.append([each.panes for each in world.flush().sets])
    assert panes[0] == panes[1]
    assert any(pane.metrics for found in panes[0] for pane in found)


def segments(folder):
    return sorted(folder.glob("*/*.segment"))


@pytest.mark.parametrize("damage", ["torn", "flipped", "emptied", "file gone", "manifest gone", "key gone"])
def test_a_damaged_cache_is_dropped_as_far_as_it_is_damaged_and_the_topics_are_read(tmp_path, damage):
    world = filled(tmp_path)
    for path in segments(tmp_path):
        data = bytearray(path.read_bytes())
        if damage == "torn":
            path.write_bytes(data[: len(data) * 2 // 3])
        elif damage == "flipped":
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        elif damage == "emptied":
            path.write_bytes(b"")
        elif damage == "file gone":
            path.unlink()
        elif damage == "manifest gone":
            (path.parent / "manifest.json").unlink(missing_ok=True)
    if damage == "key gone":
        (tmp_path / "key").unlink()
    world.restart(orderly=False)
    assert world.read_again > 0
    assert bool(world.said) == (damage in {"manifest gone", "key gone"})  # the others look like a kill
    world.restart()
    assert world.read_again == 0
    goes_on(world)


def test_the_cache_of_another_topic_of_the_same_name_is_dropped(tmp_path):
    world = filled(tmp_path)
    for path in tmp_path.glob("*/manifest.json"):
        path.write_text(path.read_text().replace("p-id", "another"))
    world.restart(orderly=False)
    assert world.read_again == 7
    assert "not for" in world.said[0]["because"]
    goes_on(world)


def test_a_cache_that_is_ahead_of_what_is_committed_is_cut(tmp_path):
    world = filled(tmp_path)
    world.positions = dict.fromkeys(world.positions, 0)
    world.restart()
    assert "beyond what is committed" in world.said[0]["because"]
    said = told(world)
    assert said == {("v1", "IN_TIME", PANE, "yes", "yes"): 1, ("v1", "IN_TIME", PANE, "no", "no"): 1}


def test_a_cache_that_ends_before_the_topics_begin_is_dropped(tmp_path):
    world = filled(tmp_path)
    place = TopicPartition(PREDICTIONS, home_of("p0"))
    world.predict(prediction(0))
    world.consumer.consume(100, 0)
    world.positions = world.consumer.positions(world.positions)
    world.cluster.truncate(place, world.positions[place])
    world.restart(orderly=False)
    assert "what lies between is gone" in world.said[0]["because"]


@pytest.mark.parametrize("changes", [{"label_ttl_us": 4 * DAY}, {"slices": (MonitorSlice(where="age > 50"),)}])
def test_what_was_remembered_under_a_monitor_that_is_another_now_is_dropped(tmp_path, changes):
    filled(tmp_path)
    world = Watched(change(MONITOR, **changes))
    world.predict(prediction(0), prediction(1), prediction(2, said="no"))
    world.label(label(0), label(9), label(2), label(2, value="no"))
    world.flush()
    world.folder = tmp_path
    world.restart()
    assert "is not what it was" in world.said[0]["because"]
    assert world.read_again == 7


def test_what_nothing_can_meet_any_more_leaves_the_disk(tmp_path):
    world = Watched(folder=tmp_path)
    for day in range(40):
        world.predict(*(prediction(i + 10 * day) for i in range(10)))
        world.label(*(label(i + 10 * day) for i in range(10)))
        world.flush()
        world.restart()  # a file for each start
        world.clock.advance(DAY)
    assert len(segments(tmp_path)) <= PARTITIONS * 12
    assert world.said == []
    before = sum(join.remembered for _, joins in world.stage._memory.joins() for join in joins.values())
    world.folder = None
    world.restart()
    assert before == sum(join.remembered for _, joins in world.stage._memory.joins() for join in joins.values())


def test_a_full_disk_costs_the_cache_and_nothing_else(tmp_path):
    world = filled(tmp_path)
    for partition in range(PARTITIONS):
        shutil.rmtree(tmp_path / str(partition), ignore_errors=True)
        (tmp_path / str(partition)).write_text("no folder")  # nothing can be written below it
    goes_on(world)
    world.restart()
    assert world.said
    assert world.read_again == 10


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["predict", "label", "commit", "restart", "kill", "tear", "age"]),
        st.integers(0, 5),
        st.sampled_from(["yes", "no"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_with_a_cache_and_without_one_the_same_is_told(tmp_path_factory, steps):
    worlds = [Watched(folder=tmp_path_factory.mktemp("join")), Watched()]
    for what, i, value in steps:
        for world in worlds:
            if what == "predict":
                world.predict(prediction(i, said=value))
            elif what == "label":
                world.label(label(i, value=value, time=START + i * HOUR * 9))
            elif what == "age":
                world.clock.advance(i * DAY)
            elif what in ("restart", "kill"):
                world.restart(orderly=what == "restart")
            elif what == "tear" and world.folder is not None:
                for path in segments(world.folder)[:1]:
                    path.write_bytes(path.read_bytes()[: -1 - 40 * i])
                world.restart(orderly=False)
        if what == "commit":
            assert told(worlds[0]) == told(worlds[1])
    assert told(worlds[0]) == told(worlds[1])
