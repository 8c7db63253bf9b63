from driftline.codec import decode
from driftline.events import Group, PaneProfile, Part, ProfileSet
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import TopicPartition
from driftline.runtime.loop import Reach
from services.drift.stage1.profile_sets import Place, progress_records, set_records, split


def pane(start, size):
    return PaneProfile(part=Part.INPUTS, slice="", pane=start, rows=1, cells=bytes(size), sums=b"")


def test_a_large_set_is_split_and_no_pane_is_lost():
    panes = [pane(i, 300) for i in range(50)]
    parts = list(split(panes, 1000))
    assert [each for part in parts for each in part] == panes
    assert all(sum(len(each.cells) for each in part) <= 1000 for part in parts)
    assert len(parts) == 25


def test_a_pane_larger_than_the_limit_goes_alone():
    assert [len(part) for part in split([pane(0, 10), pane(1, 5000), pane(2, 10)], 1000)] == [1, 1, 1]


def test_no_panes_are_one_empty_part():
    assert list(split([])) == [()]


def test_sets_go_where_the_key_of_their_model_belongs():
    sets = [
        ProfileSet(
            model_id=f"m{i}", model_version="1", monitor_version=1, layout="l", group=Group.JOIN, writer="w", times=(), panes=()
        )
        for i in range(8)
    ]
    records = set_records(sets, Place("w", {}, 4))
    assert [record.partition for record in records] == [partition_for(f"m{i}".encode(), 4) for i in range(8)]
    assert [decode(record.value or b"") for record in records] == sets
    assert [record.key for record in records] == [f"m{i}".encode() for i in range(8)]


def test_progress_says_what_went_before_it_in_its_partition():
    sets = [
        ProfileSet(
            model_id="m", model_version=str(i), monitor_version=1, layout="l", group=Group.JOIN, writer="w", times=(), panes=()
        )
        for i in range(3)
    ]
    place = Place("w", {"a": "A", "b": "B"}, 2)
    records = set_records(sets, place)
    reach = {TopicPartition("b", 1): Reach(3, 9, caught_up=False), TopicPartition("a", 0): Reach(5, 5, caught_up=True)}
    progress = progress_records(records, reach, group=Group.JOIN, place=place, commit_interval=1.5)
    events = [decode(record.value or b"") for record in progress]
    assert [record.partition for record in progress] == [0, 1]
    home = partition_for(b"m", 2)
    assert [event.profile_sets for event in events] == [3 * (home == 0), 3 * (home == 1)]
    ranges = [(r.topic, r.topic_id, r.partition, r.from_offset, r.to_offset, r.caught_up) for r in events[0].ranges]
    assert ranges == [("a", "A", 0, 5, 5, True), ("b", "B", 1, 3, 9, False)]
    assert events[0].commit_interval_us == 1_500_000


def test_progress_of_many_source_partitions_is_one_record_in_each_partition_of_profiles():
    """H17: it grows with the writers and the partitions of `profiles` only."""
    reach = {TopicPartition(topic, i): Reach(0, i, caught_up=True) for topic in ("a", "b") for i in range(200)}
    place = Place("w", {"a": "A", "b": "B"}, 4)
    progress = progress_records([], reach, group=Group.JOIN, place=place, commit_interval=0.5)
    assert [record.partition for record in progress] == [0, 1, 2, 3]
    assert {len(decode(record.value or b"").ranges) for record in progress} == {400}
