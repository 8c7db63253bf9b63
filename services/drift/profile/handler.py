"""Stage `profile`: predictions become additive counts by model, version, slice and pane, in one transaction with their offsets.

Nothing outlives a commit but the ids of the last hour, of models that want each once (`duplicates.py`): `handle` gathers,
`flush` judges and counts what was gathered and gives sets, dead letters and progress to the loop. A crash before the
commit reads the same messages again; a revoke drops what was not committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro.layout import hashes_of
from driftline.drift.profile import Sampler, Tally, latest_by_source, portions
from driftline.events import Group, Monitor, PaneProfile, ProfileSet
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.loop import Flush, Handled, OutRecord, Reach
from driftline.topics import name as topic_name
from services.drift import metrics
from services.drift.profile.duplicates import Duplicates
from services.drift.stage1.dead_letters import dead_letters
from services.drift.stage1.judgement import Judged, Refused, Source
from services.drift.stage1.models import Layouts, Versions
from services.drift.stage1.pace import Pace
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Latest, Place, Writer

PREDICTIONS = topic_name("predictions")
REJECTED_BY = "drift/profile"
MAXIMUM_MESSAGES = 2_000
"""Gathered before they are judged and counted; the loop flushes earlier where they are large."""
MAXIMUM_GROUPS_BYTES = 64_000_000
"""Counts kept apart in memory; beyond it they are encoded, and a pane has several partials in the transaction."""

_Key = tuple[str, int]  # model_id, monitor_version


@dataclass(slots=True)
class _Counting:
    """What this transaction has of one model under one monitor version."""

    monitor: Monitor
    tally: Tally
    sampler: Sampler
    versions: dict[int, str]  # stream of the tally -> model version
    partials: dict[str, list[PaneProfile]]  # encoded before the end, by model version


class ProfileHandler:
    """Counts predictions; a `driftline.runtime.loop.Handler`."""

    def __init__(self, catalogue: Catalogue, reader: PredictionReader, place: Place, duplicates: Duplicates) -> None:
        """`reader` judges by the book of `catalogue`."""
        self._catalogue = catalogue
        self._reader = reader
        self._duplicates = duplicates
        self._pace = Pace()
        self._layouts = Layouts(catalogue.book)
        self._writer = Writer(Group.PROFILE, place, self._layouts)
        self._versions = Versions()
        self._drop()

    def _drop(self) -> None:
        """Forget what is not committed."""
        self._gathered: list[Source] = []
        self._gathered_messages = 0
        self._counting: dict[_Key, _Counting] = {}
        self._latest = Latest()
        self._dead: list[OutRecord] = []
        self._rows = 0

    def commit_interval(self) -> float:
        """Seconds between transactions now."""
        return self._pace.interval

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        """Begin with nothing but ids; the versions of a model are told apart anew. Progress goes out at once."""
        del now
        self._drop()
        self._catalogue.refresh()
        self._duplicates.relearn(starts)
        self._versions.forget()
        self._pace.last_progress = None

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop everything: eager rebalancing takes all partitions."""
        del partitions
        self._drop()
        self._duplicates.forget()

    def handle(self, messages: Sequence[Message], now: int) -> Handled:
        """Gather; judge and count when there is much."""
        del now
        source = Source.of(messages)
        self._gathered.append(source)
        self._gathered_messages += len(messages)
        if self._gathered_messages >= MAXIMUM_MESSAGES:
            self._count_gathered()
        return Handled(len(messages), source.bodies.size)

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """Sets, dead letters and progress since the last flush; progress alone every second; else nothing."""
        self._count_gathered()
        moved = any(reached.end > reached.start for reached in reach.values())
        if not reach or not (moved or self._pace.progress_due(now)):
            return Flush(offsets={})
        sets = self._profile_sets()
        partials = sum(len(each.panes) for each in sets)
        if moved:
            self._pace.learn(partials=partials, events=self._rows)
        metrics.PARTIALS.inc(partials)
        metrics.PROFILE_SETS.inc(len(sets))
        records = self._writer.records(sets, reach, self._pace.interval)
        self._pace.last_progress = now
        return Flush(records=(*self._dead, *records))

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        """What was flushed is durable: begin anew."""
        del offsets, now
        self._drop()

    def _count_gathered(self) -> None:
        if not self._gathered:
            return
        self._catalogue.refresh()
        gathered, self._gathered = self._gathered, []
        self._gathered_messages = 0
        judgement = self._reader.judge(Source.joined(gathered))
        self._duplicates.refuse(judgement)
        for judged in judgement.judged:
            self._count(judged)
        for mark in judgement.marks:
            self._latest.note(mark.monitor, PREDICTIONS, mark.partition, mark.event_time)
        for refused in judgement.refused:
            self._refuse(refused)

    def _count(self, judged: Judged) -> None:
        monitor = judged.monitor
        counting = self._counting_of(monitor)
        streams = self._streams(judged, counting)
        self._tally(counting, streams, judged)
        for partition, time in latest_by_source(judged.event_time, judged.partition, judged.chosen).items():
            self._latest.note(monitor, PREDICTIONS, partition, time)
        self._rows += len(judged.chosen)
        metrics.ROWS.inc(len(judged.chosen))

    def _tally(self, counting: _Counting, streams: NDArray[np.uint64], judged: Judged) -> None:
        """Count rows; counts that take too much memory are encoded."""
        tally, slicer, columns, times = (
            counting.tally,
            self._layouts.slicer(judged.monitor),
            judged.rows.columns,
            judged.event_time,
        )
        versions = len(counting.versions)
        for rows in portions(tally.layout, times, judged.chosen, streams=versions, maximum=MAXIMUM_GROUPS_BYTES):
            tally.add(streams, times, columns, rows, slicer.codes(columns, rows))
            if tally.room_bytes > MAXIMUM_GROUPS_BYTES:
                _encode(counting)
        if tally.layout.sample_rows:
            ids = hashes_of(judged.rows.prediction_id, judged.chosen)
            counting.sampler.add(streams, times, columns, judged.chosen, ids)

    def _counting_of(self, monitor: Monitor) -> _Counting:
        key = (monitor.model_id, monitor.monitor_version)
        found = self._counting.get(key)
        if found is None:
            layout = self._layouts.of(monitor)
            found = _Counting(monitor, Tally(layout), Sampler(layout), {}, {})
            self._counting[key] = found
        return found

    def _streams(self, judged: Judged, counting: _Counting) -> NDArray[np.uint64]:
        """Code of the model version of each row, the versions beyond the hundredth in one."""
        codes = judged.stream[judged.chosen]
        place = np.zeros(int(judged.stream.max()) + 2, np.uint64)  # the last one for -1, rows without a stream
        for code in np.flatnonzero(np.bincount(codes)).tolist():
            number, version = self._versions.place(*self._reader.stream_name(code))
            counting.versions[number] = version
            place[code] = number
        streams: NDArray[np.uint64] = place[judged.stream]
        return streams

    def _refuse(self, refused: Refused) -> None:
        self._dead.extend(dead_letters(refused, rejected_by=REJECTED_BY))
        metrics.REFUSED.labels("profile", refused.reason.value).inc(len(refused.rows) or 1)

    def _profile_sets(self) -> list[ProfileSet]:
        """One for each model, version and monitor version, more where it is large; one without counts for a watermark."""
        sets: list[ProfileSet] = []
        for counting in self._counting.values():
            _encode(counting)
            for stream, sample in counting.sampler.take():
                counting.partials.setdefault(counting.versions[stream], []).append(sample)
            for version, panes in sorted(counting.partials.items()):
                ordered = sorted(panes, key=lambda pane: (pane.pane, pane.slice))
                sets.extend(self._writer.sets(counting.monitor, version, self._latest, ordered))
        counted = {model_id for model_id, _ in self._counting}
        for monitor in self._latest.monitors():
            if monitor.model_id not in counted:
                sets.extend(self._writer.sets(monitor, "", self._latest, ()))
        return sets


def _encode(counting: _Counting) -> None:
    """Move what a tally holds to its encoded partials."""
    for (stream, name, pane), profile in counting.tally.profiles().items():
        counting.partials.setdefault(counting.versions[stream], []).append(profile.to_event(name, pane))
    counting.tally.clear()
