"""What stage 1 writes to the topic `profiles`: ProfileSets by the key of their model, then Progress in every partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.codec import encode
from driftline.events import Group, PaneProfile, ProfileSet, Progress, SourceRange
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import TopicPartition
from driftline.runtime.loop import OutRecord, Reach
from driftline.topics import name as topic_name

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


def split(panes: Iterable[PaneProfile], maximum: int = MAXIMUM_BYTES) -> Iterator[tuple[PaneProfile, ...]]:
    """Panes in order, in parts of at most `maximum` bytes (one pane alone may exceed it); one empty part for none."""
    part: list[PaneProfile] = []
    size = 0
    for pane in panes:
        length = _PANE_OVERHEAD + len(pane.slice) + len(pane.cells) + len(pane.sums)
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
