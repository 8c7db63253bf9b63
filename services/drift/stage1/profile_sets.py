"""What stage 1 writes to the topic `profiles`: ProfileSets by the key of their model, then Progress in every partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.codec import encode
from driftline.events import Group, Monitor, PaneProfile, ProfileSet, Progress, SourceRange, SourceTime
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import TopicPartition
from driftline.runtime.loop import OutRecord, Reach
from driftline.topics import name as topic_name
from services.drift.stage1.models import Layouts

TOPIC = topic_name("profiles")
MAXIMUM_BYTES = 512_000
"""A ProfileSet of more is split; the topic takes twice that."""
_PANE_OVERHEAD = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where stage 1 reads and writes."""

    writer: str
    """Instance id."""
    topic_ids: Mapping[str, str]
    """Of the source topics: a recreated topic does not collide."""
    profiles_partitions: int


class Latest:
    """Of one transaction: the largest event time of each model by source partition, and the newest monitor it came under."""

    def __init__(self) -> None:
        """Know nothing."""
        self._times: dict[str, dict[tuple[str, int], int]] = {}
        self._monitors: dict[str, Monitor] = {}

    def note(self, monitor: Monitor, topic: str, partition: int, event_time: int) -> None:
        """An event of a model counted under a monitor version."""
        times = self._times.setdefault(monitor.model_id, {})
        times[topic, partition] = max(event_time, times.get((topic, partition), event_time))
        known = self._monitors.get(monitor.model_id)
        if known is None or known.monitor_version < monitor.monitor_version:
            self._monitors[monitor.model_id] = monitor

    def monitors(self) -> list[Monitor]:
        """The newest monitor of each model, by its id."""
        return [self._monitors[model_id] for model_id in sorted(self._monitors)]

    def times(self, model_id: str) -> tuple[SourceTime, ...]:
        """Return what travels with the sets of a model."""
        return tuple(
            SourceTime(topic=topic, partition=partition, event_time=event_time)
            for (topic, partition), event_time in sorted(self._times.get(model_id, {}).items())
        )


@dataclass(frozen=True, slots=True)
class Writer:
    """Makes the sets of one group."""

    group: Group
    place: Place
    layouts: Layouts

    def sets(self, monitor: Monitor, version: str, latest: Latest, panes: Iterable[PaneProfile]) -> Iterator[ProfileSet]:
        """The panes of a model version under a monitor version; without panes one set that only moves clocks."""
        times = latest.times(monitor.model_id)
        for part in split(panes):
            yield ProfileSet(
                model_id=monitor.model_id,
                model_version=version,
                monitor_version=monitor.monitor_version,
                layout=self.layouts.of(monitor).hash,
                group=self.group,
                writer=self.place.writer,
                times=times,
                panes=part,
            )

    def records(
        self, sets: Sequence[ProfileSet], reach: Mapping[TopicPartition, Reach], commit_interval: float
    ) -> list[OutRecord]:
        """The sets, then progress in every partition: what a transaction writes to `profiles`."""
        records = set_records(sets, self.place)
        return records + progress_records(records, reach, group=self.group, place=self.place, commit_interval=commit_interval)


def split(panes: Iterable[PaneProfile], maximum: int = MAXIMUM_BYTES) -> Iterator[tuple[PaneProfile, ...]]:
    """Panes in order, in parts of at most `maximum` bytes (one pane alone may exceed it); one empty part for none."""
    part: list[PaneProfile] = []
    size = 0
    for pane in panes:
        length = _PANE_OVERHEAD + len(pane.slice) + len(pane.cells) + len(pane.sums) + len(pane.metrics or b"")
        if part and size + length > maximum:
            yield tuple(part)
            part, size = [], 0
        part.append(pane)
        size += length
    yield tuple(part)


def set_records(sets: Iterable[ProfileSet], place: Place) -> list[OutRecord]:
    """The sets as records, each in the partition that its model's key gives."""
    records = []
    for each in sets:
        key = each.model_id.encode()
        records.append(OutRecord(TOPIC, key, encode(each), partition=partition_for(key, place.profiles_partitions)))
    return records


def progress_records(
    records: Sequence[OutRecord],
    reach: Mapping[TopicPartition, Reach],
    *,
    group: Group,
    place: Place,
    commit_interval: float,
) -> list[OutRecord]:
    """The last records of a transaction: one for each partition of profiles, saying how many sets went before it."""
    ranges = tuple(
        SourceRange(
            topic=source.topic,
            topic_id=place.topic_ids[source.topic],
            partition=source.partition,
            from_offset=reached.start,
            to_offset=reached.end,
            caught_up=reached.caught_up,
        )
        for source, reached in sorted(reach.items())
    )
    before = Counter(record.partition for record in records)
    return [
        OutRecord(
            TOPIC,
            place.writer.encode(),
            encode(
                Progress(
                    group=group,
                    writer=place.writer,
                    ranges=ranges,
                    profile_sets=before[partition],
                    commit_interval_us=round(commit_interval * 1_000_000),
                )
            ),
            partition=partition,
        )
        for partition in range(place.profiles_partitions)
    ]
