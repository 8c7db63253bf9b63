"""Simple models of the two groups of stage 1: what they promise, in a few lines each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from driftline.avro.layout import hash_texts
from driftline.codec import encode
from driftline.drift.profile import Layout, Partial, Profile, Reservoir, pane_start
from driftline.drift.profile.pairs import counted, scored_add
from driftline.drift.sqlmetrics import texts
from driftline.events import Baseline, Group, Monitor, PaneProfile, Part, ProfileSet, Progress, SourceRange, SourceTime
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.loop import Flush, OutRecord, Reach
from tests.unit.simulation.events import Row, Told, predicted, score, slices_of, told

PROFILES = "profiles"


class Stage1:
    """Counts the rows of one transaction, and says what it covers on every partition of `profiles`."""

    group: Group

    def __init__(self, instance: str, monitors: dict[str, Monitor], baseline: Baseline, partitions: int):
        self.instance = instance
        self.monitors = monitors
        self.layouts = {model: Layout.of(monitor, baseline) for model, monitor in monitors.items()}
        self.partitions = partitions
        self.said = 0
        self._clear()

    def _clear(self):
        self.panes: dict[tuple[str, str], dict[tuple[Part, str, int], Profile]] = defaultdict(dict)
        self.samples: dict[tuple[str, str], dict[int, Reservoir]] = defaultdict(dict)
        self.times: dict[tuple[str, str], dict[tuple[str, int], int]] = defaultdict(dict)

    def commit_interval(self) -> float:
        return 0.5

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        self.said = 0
        self._clear()

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        self._clear()

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        pass

    def handle(self, messages: Sequence[Message], now: int) -> None:
        for message in messages:
            row = Row.decode(message.value() or b"")
            self._time(row, message)
            self._row(row, message)

    def _row(self, row: Row, message: Message) -> None:
        raise NotImplementedError

    def _time(self, row: Row, message: Message) -> None:
        times = self.times[row.model, row.version]
        place = (message.topic(), message.partition())
        times[place] = max(row.time, times.get(place, row.time))

    def _add(self, row: Row, profile: Profile) -> None:
        panes = self.panes[row.model, row.version]
        for name in slices_of(row, self.monitors[row.model]):
            key = (profile.shape.part, name, pane_start(row.time, self.layouts[row.model].pane_us))
            panes[key] = panes[key] + profile if key in panes else profile

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        moved = any(covered.end > covered.start for covered in reach.values())
        if not reach or not (moved or now - self.said >= 1_000_000):
            return Flush(offsets={})
        self.said = now
        records, sent = [], [0] * self.partitions
        for (model, version), times in sorted(self.times.items()):
            partition = partition_for(model.encode(), self.partitions)
            found = ProfileSet(
                model_id=model,
                model_version=version,
                monitor_version=self.monitors[model].monitor_version,
                layout=self.layouts[model].hash,
                group=self.group,
                writer=self.instance,
                times=tuple(SourceTime(topic=t, partition=p, event_time=e) for (t, p), e in sorted(times.items())),
                panes=tuple(
                    profile.to_event(name, pane) for (_, name, pane), profile in sorted(self.panes[model, version].items())
                )
                + tuple(
                    PaneProfile(part=Part.SAMPLE, slice="", pane=pane, rows=0, cells=sample.encode()[0], sums=b"")
                    for pane, sample in sorted(self.samples[model, version].items())
                ),
            )
            records.append(OutRecord(PROFILES, model.encode(), encode(found), partition=partition))
            sent[partition] += 1
        ranges = tuple(
            SourceRange(
                topic=place.topic,
                topic_id="T",
                partition=place.partition,
                from_offset=covered.start,
                to_offset=covered.end,
                caught_up=covered.caught_up,
            )
            for place, covered in sorted(reach.items())
        )
        for partition in range(self.partitions):
            progress = Progress(
                group=self.group,
                writer=self.instance,
                ranges=ranges,
                profile_sets=sent[partition],
                commit_interval_us=500_000,
            )
            records.append(OutRecord(PROFILES, b"", encode(progress), partition=partition))
        self._clear()
        return Flush(records)


class ProfileModel(Stage1):
    """Group profile: no state at all."""

    group = Group.PROFILE

    def _row(self, row: Row, message: Message) -> None:
        if not row.carrier:
            return
        layout = self.layouts[row.model]
        shape = layout.shape(Part.INPUTS)
        cells = np.zeros(shape.cells, np.int64)
        for column, value in (("carrier", row.carrier), (":prediction", predicted(row))):
            block = layout.by_column[column]
            known = value in block.categories
            cells[block.offset + 2 + block.categories.index(value) if known else block.unseen] = 1
        self._add(row, Profile(shape, 1, cells, Profile.zero(shape).sums, _metrics(layout, row)))
        if layout.sample_rows:
            self._sample(row, layout)

    def _sample(self, row: Row, layout: Layout) -> None:
        values = {"carrier": row.carrier, ":prediction": predicted(row)}
        codes = [
            float({name: code for code, name in enumerate(block.categories)}.get(values[block.column], len(block.categories)))
            for block in layout.blocks
        ]
        own = Reservoir.of(hash_texts([row.id]), np.array([codes], np.float32), layout.sample_rows)
        samples, pane = self.samples[row.model, row.version], pane_start(row.time, layout.pane_us)
        before = samples.get(pane, Reservoir.empty(layout.sample_rows, len(codes)))
        samples[pane] = Reservoir.total(layout.sample_rows, len(codes), (before, own))


class JoinModel(Stage1):
    """Group join: its state is a function of the committed offsets, rebuilt from the topics."""

    group = Group.JOIN

    def __init__(self, *args, cluster: MemoryCluster):
        super().__init__(*args)
        self.cluster = cluster
        self.predictions: dict[int, dict[tuple[str, str], Row]] = {}
        self.labels: dict[int, dict[tuple[str, str], list[Row]]] = {}

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        self.predictions = {place.partition: {} for place in starts}
        self.labels = {place.partition: {} for place in starts}
        for place, start in starts.items():
            self._replay(place, start)
        self.said = 0
        self._clear()

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        self.predictions, self.labels = {}, {}
        self._clear()

    def _replay(self, place: TopicPartition, start: int) -> None:
        consumer = self.cluster.consumer()
        consumer.assign({place: 0})
        while consumer.positions([place])[place] < start:
            for message in consumer.consume(1000, 0.0):
                if message.offset() < start:
                    self._row(Row.decode(message.value() or b""), message)

    def _row(self, row: Row, message: Message) -> None:
        if not row.id:
            return
        key = (row.model, row.id)
        predictions, labels = self.predictions[message.partition()], self.labels[message.partition()]
        before = self._told(predictions.get(key), labels.get(key, []))
        if row.is_label:
            labels.setdefault(key, []).append(row)
        else:
            predictions.setdefault(key, row)
        after = self._told(predictions.get(key), labels.get(key, []))
        after.subtract(before)
        if any(after.values()):
            self._count(predictions[key], after)

    def _told(self, prediction: Row | None, labels: Sequence[Row]) -> Told:
        return Counter() if prediction is None else told(prediction, labels, self.monitors[prediction.model])

    def _count(self, prediction: Row, pairs: Told) -> None:
        layout = self.layouts[prediction.model]
        guess = np.array([layout.classes.index(predicted(prediction))])
        for (part, outcome), sign in pairs.items():
            shape = layout.shape(Part(part))
            truth = np.array([layout.classes.index(outcome)])
            adds = tuple(scored_add(layout.pairs, guess, truth, np.array([score(prediction)])))
            cells = sign * counted(layout.pairs, adds, np.zeros(1, np.int64), 1)[0]
            metrics = _metrics(layout, prediction, outcome, sign) if part == "IN_TIME" else None
            self._add(prediction, Profile(shape, sign, cells, Profile.zero(shape).sums, metrics))


def _metrics(layout: Layout, row: Row, outcome: str = "", times: int = 1) -> Partial | None:
    """What a row (with an outcome: a pair) adds to the business metrics."""
    if layout.program is None:
        return None
    plan = layout.program.pairs if outcome else layout.program.inputs
    vectors = {"carrier": texts([row.carrier]), ":prediction": texts([predicted(row)]), ":label": texts([outcome])}
    one, nothing = plan.partial(vectors, 1), Partial.empty(plan.room)
    return Partial.total(plan.room, [one] * times) if times >= 0 else nothing - Partial.total(plan.room, [one] * -times)
