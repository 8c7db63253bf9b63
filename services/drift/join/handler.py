"""Stage `join`: labels meet their predictions; the pairs become counts in one transaction with the offsets of both topics.

What is remembered is a function of the committed offsets, so a start reads both topics again up to them, silently. Within a
transaction the order of the two topics does not matter; what is told is settled before each commit.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftline.drift.labels import LabelJoin, Pairs, count_pairs
from driftline.drift.labels import Refused as RefusedLabel
from driftline.drift.profile import latest_by_source
from driftline.errors import ConfigurationError, Reason
from driftline.events import Group, Monitor, Part, ProfileSet
from driftline.kafka.ports import Consumer, Message, TopicPartition
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.loop import Flush, Reach
from driftline.topics import name as topic_name
from services.drift import metrics
from services.drift.join.columns import Stream, append_times, label_rows, prediction_rows
from services.drift.join.labels import LabelReader
from services.drift.stage1.dead_letters import dead_letters
from services.drift.stage1.judgement import Judged, Refused
from services.drift.stage1.models import Layouts, Versions
from services.drift.stage1.pace import Pace
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Latest, Place, Writer
from services.drift.stage1.rebuild import Seconds, replay

__all__ = ["JoinHandler", "Readers"]

PREDICTIONS, LABELS = topic_name("predictions"), topic_name("labels")
REJECTED_BY = "drift/join"
MAXIMUM_MESSAGES = 65_536
"""What is gathered at most before it is judged and joined."""
_NEVER = -(2**62)
_DETAILS = {
    Reason.LABEL_TOO_LATE: "the label is further past its prediction than label_ttl of the monitor allows",
    Reason.LABEL_WITHOUT_PREDICTION: "no prediction of this id came within label_ttl and 7 days; send it, then replay the label",
}


@dataclass(frozen=True, slots=True)
class Readers:
    """How the two topics are judged: by the same functions as everybody judges them."""

    predictions: PredictionReader
    labels: LabelReader
    rebuild: Callable[[], Consumer]
    """Gives a consumer outside of any group, to read the topics again."""


class JoinHandler:
    """Joins labels to predictions; a `driftline.runtime.loop.Handler`."""

    def __init__(
        self, catalogue: Catalogue, readers: Readers, place: Place, *, key: bytes, monotonic: Seconds = time.monotonic
    ) -> None:
        """`key` is that of the hashed ids, any secret bytes: nothing that is hashed outlives the process."""
        self._catalogue = catalogue
        self._readers = readers
        self._key = key
        self._monotonic = monotonic
        self._pace = Pace()
        self._layouts = Layouts(catalogue.book)
        self._writer = Writer(Group.JOIN, place, self._layouts)
        self._forget()

    def _forget(self) -> None:
        """Forget every partition."""
        self._memory: dict[int, dict[str, LabelJoin]] = defaultdict(dict)
        self._reached: dict[str, dict[int, int]] = {PREDICTIONS: {}, LABELS: {}}
        self._streams: dict[tuple[str, str, int], int] = {}
        self._known: list[Stream] = []
        self._versions = Versions()
        self._drop()

    def _drop(self) -> None:
        """Forget what was gathered for this transaction."""
        self._gathered: list[Message] = []
        self._rows = 0
        self._latest = Latest()
        self._refused: list[Refused] = []
        self._labels = self._changed = self._repeated = 0
        self._pairs: Counter[str] = Counter()
        self._partials = self._sets_written = 0

    def commit_interval(self) -> float:
        """Seconds between transactions now."""
        return self._pace.interval

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        """Read both topics up to where reading begins. Raises ConfigurationError where their partitions differ."""
        del now
        self._forget()
        self._pace.last_progress = None
        owned = {topic: {place.partition for place in starts if place.topic == topic} for topic in (PREDICTIONS, LABELS)}
        if owned[PREDICTIONS] != owned[LABELS]:
            message = (
                f"{PREDICTIONS} gives partitions {sorted(owned[PREDICTIONS])} and {LABELS} {sorted(owned[LABELS])}: labels would not "
                "meet their predictions. Both topics need the same number of partitions, and every member of the group both topics"
            )
            raise ConfigurationError(message)
        if not starts:
            return
        self._catalogue.refresh()
        consumer = self._readers.rebuild()
        seconds = replay(consumer, starts, self._relearn, self._monotonic)
        consumer.close()
        metrics.JOIN_REBUILD_SECONDS.set(seconds)

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop everything: eager rebalancing takes all partitions."""
        del partitions
        self._forget()

    def handle(self, messages: Sequence[Message], now: int) -> None:
        """Gather; judge and join when there is much."""
        del now
        self._gathered.extend(messages)
        if len(self._gathered) >= MAXIMUM_MESSAGES:
            self._join_gathered()

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """Sets, dead letters and progress since the last flush; progress alone every second; else nothing."""
        self._join_gathered()
        moved = any(reached.end > reached.start for reached in reach.values())
        if not reach or not (moved or self._pace.progress_due(now)):
            return Flush(offsets={})
        sets = list(self._profile_sets(reach))
        partials = sum(len(each.panes) for each in sets)
        if moved:
            self._pace.learn(partials=partials, events=self._rows)
        self._partials, self._sets_written = partials, len(sets)
        records = self._writer.records(sets, reach, self._pace.interval)
        self._pace.last_progress = now
        dead = [record for refused in self._refused for record in dead_letters(refused, rejected_by=REJECTED_BY)]
        return Flush(records=(*dead, *records))

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        """What was flushed is durable: begin anew."""
        del offsets, now
        metrics.LABELS.inc(self._labels)
        metrics.CHANGED_LABELS.inc(self._changed)
        metrics.REPEATED_LABELS.inc(self._repeated)
        metrics.PARTIALS.inc(self._partials)
        metrics.PROFILE_SETS.inc(self._sets_written)
        metrics.JOIN_ENTRIES.set(self.remembered)
        for part, pairs in self._pairs.items():
            metrics.PAIRS.labels(part).inc(pairs)
        for refused in self._refused:
            metrics.REFUSED.labels("join", refused.reason.value).inc()
        self._drop()

    @property
    def remembered(self) -> int:
        """Predictions and waiting labels in memory."""
        return sum(join.remembered + join.waiting for joins in self._memory.values() for join in joins.values())

    def _join_gathered(self) -> None:
        if not self._gathered:
            return
        self._catalogue.refresh()
        gathered, self._gathered = self._gathered, []
        self._join(gathered)

    def _relearn(self, messages: Sequence[Message]) -> None:
        """Remember what was told by an earlier process, and tell nothing."""
        self._join(messages)
        for partition, joins in self._memory.items():
            self._settle(partition, labels_idle=False)
            for join in joins.values():
                join.take()
        self._drop()

    def _join(self, messages: Sequence[Message]) -> None:
        """Judge messages of both topics and let them meet; what is told waits in the joins."""
        predictions = [message for message in messages if message.topic() == PREDICTIONS]
        labels = [message for message in messages if message.topic() == LABELS]
        self._join_predictions(predictions)
        self._join_labels(labels)

    def _join_predictions(self, messages: Sequence[Message]) -> None:
        """Remember what stage profile counts; what it refuses, it dead-letters itself."""
        appended = append_times(messages, self._reached[PREDICTIONS])
        judgement = self._readers.predictions.read(messages)
        judged = [each for each in judgement.judged if each.monitor.labels]
        rows = prediction_rows(judged, appended, self._codes, self._known, self._key)
        for model_id, partition, found in rows:
            self._join_of(partition, model_id).add_predictions(found)
            self._rows += len(found.stream)
        for each in judged:
            self._note(PREDICTIONS, each.monitor, latest_by_source(each.event_time, each.partition, each.chosen))
        for mark in judgement.marks:
            self._note(PREDICTIONS, mark.monitor, {mark.partition: mark.event_time})

    def _join_labels(self, messages: Sequence[Message]) -> None:
        appended = append_times(messages, self._reached[LABELS])
        judgement = self._readers.labels.read(messages)
        for model_id, partition, found in label_rows(judgement.judged, messages, appended, self._key):
            self._join_of(partition, model_id).add_labels(found)
            self._rows += len(found.values)
            self._labels += len(found.values)
        for each in judgement.judged:
            self._note(LABELS, each.monitor, latest_by_source(each.label_time, each.partition, each.chosen))
        for mark in judgement.marks:
            self._note(LABELS, mark.monitor, {mark.partition: mark.event_time})
        self._refused += judgement.refused

    def _join_of(self, partition: int, model_id: str) -> LabelJoin:
        joins = self._memory[partition]
        if model_id not in joins:
            joins[model_id] = LabelJoin()
        return joins[model_id]

    def _codes(self, judged: Judged) -> dict[int, int]:
        """Stream of the join for each stream code of the reader; versions beyond the hundredth are one."""
        monitor, codes = judged.monitor, {}
        for code in np.unique(judged.stream[judged.chosen]).tolist():
            _, version = self._versions.place(*self._readers.predictions.stream_name(code))
            stream = (monitor.model_id, version, monitor.monitor_version)
            if stream not in self._streams:
                self._streams[stream] = len(self._known)
                self._known.append(Stream(version, monitor, self._layouts.slicer(monitor)))
            codes[code] = self._streams[stream]
        return codes

    def _note(self, topic: str, monitor: Monitor, times: Mapping[int, int]) -> None:
        for partition, event_time in times.items():
            self._latest.note(monitor, topic, partition, event_time)

    def _settle(self, partition: int, *, labels_idle: bool) -> None:
        """Forget by append time. Labels that are all read cannot hold an older append time back."""
        predictions_at = self._reached[PREDICTIONS].get(partition, _NEVER)
        labels_at = self._reached[LABELS].get(partition, _NEVER)
        if labels_idle:
            labels_at = max(labels_at, predictions_at)
        for join in self._memory[partition].values():
            join.settle(predictions_at, labels_at)

    def _profile_sets(self, reach: Mapping[TopicPartition, Reach]) -> Iterator[ProfileSet]:
        """One for each model, version and monitor version with pairs; one without counts for a model that only moved on."""
        pairs: dict[int, list[Pairs]] = defaultdict(list)
        for partition, joins in self._memory.items():
            labels = reach.get(TopicPartition(LABELS, partition))
            self._settle(partition, labels_idle=labels is not None and labels.caught_up)
            for model_id, join in joins.items():
                if not join.has_news:
                    continue
                for stream, found in self._told(model_id, join):
                    pairs[stream].append(found)
        counted = set()
        for stream in sorted(pairs):
            known = self._known[stream]
            counted.add(known.monitor.model_id)
            total = Pairs.total(pairs[stream])
            for part, chosen in ((Part.IN_TIME, total.in_time), (Part.LATER, ~total.in_time)):
                self._pairs[part.value] += int(np.count_nonzero(chosen & (total.sign > 0)))
            counts = sorted(count_pairs(known.layout, total).items())
            panes = [profile.to_event(name, pane) for (_, name, pane), profile in counts]
            yield from self._writer.sets(known.monitor, known.version, self._latest, panes)
        for monitor in self._latest.monitors():
            if monitor.model_id not in counted:
                yield from self._writer.sets(monitor, "", self._latest, ())

    def _told(self, model_id: str, join: LabelJoin) -> Iterator[tuple[int, Pairs]]:
        """Pairs by stream; refused labels become dead letters."""
        news = join.take()
        self._refused += [_as_refused(model_id, each) for each in news.refused]
        self._changed += news.changed
        self._repeated += news.repeated
        for found in news.pairs:
            for stream in np.unique(found.stream).tolist():
                yield stream, found.of(stream)


def _as_refused(model_id: str, refused: RefusedLabel) -> Refused:
    return Refused(refused.source, refused.reason, _DETAILS[refused.reason], "prediction_id", model_id)
