"""Stage `join`: labels meet their predictions; the pairs become counts in one transaction with the offsets of both topics.

What is remembered (`memory.py`) is a function of the committed offsets, so a start brings it back silently, from its cache and
from both topics. Within a transaction the order of the two topics does not matter; what is told is settled before each commit.
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
from services.drift import metrics
from services.drift.join.cache import JoinCache
from services.drift.join.columns import Streams, label_rows, prediction_rows
from services.drift.join.labels import LabelReader
from services.drift.join.memory import LABELS, PREDICTIONS, Memory
from services.drift.stage1.dead_letters import dead_letters
from services.drift.stage1.judgement import Judged, Refused
from services.drift.stage1.models import Layouts
from services.drift.stage1.pace import Pace
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Latest, Place, Writer
from services.drift.stage1.rebuild import Seconds

__all__ = ["JoinHandler", "Readers"]

REJECTED_BY = "drift/join"
MAXIMUM_MESSAGES = 65_536
"""What is gathered at most before it is judged and joined."""
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
        self, catalogue: Catalogue, readers: Readers, place: Place, cache: JoinCache, *, monotonic: Seconds = time.monotonic
    ) -> None:
        """`cache` belongs to this instance alone."""
        self._catalogue = catalogue
        self._readers = readers
        self._pace = Pace()
        layouts = Layouts(catalogue.book)
        self._memory = Memory(Streams(layouts, catalogue.book), cache, monotonic)
        self._writer = Writer(Group.JOIN, place, layouts)
        self._drop()

    def _forget(self) -> None:
        """Forget every partition."""
        self._memory.forget()
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
        metrics.JOIN_REBUILD_SECONDS.set(self._memory.restore(consumer, starts, self._relearn))
        consumer.close()

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
        del now
        self._memory.committed(offsets)
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
        return self._memory.remembered

    def _join_gathered(self) -> None:
        if not self._gathered:
            return
        self._catalogue.refresh()
        gathered, self._gathered = self._gathered, []
        self._join(gathered)

    def _relearn(self, messages: Sequence[Message]) -> None:
        """Remember what was told by an earlier process, and tell nothing."""
        self._join(messages)
        self._drop()

    def _join(self, messages: Sequence[Message]) -> None:
        """Judge messages of both topics and let them meet; what is told waits in the joins."""
        predictions = [message for message in messages if message.topic() == PREDICTIONS]
        labels = [message for message in messages if message.topic() == LABELS]
        self._join_predictions(predictions)
        self._join_labels(labels)

    def _join_predictions(self, messages: Sequence[Message]) -> None:
        """Remember what stage profile counts; what it refuses, it dead-letters itself."""
        appended = self._memory.append_times(PREDICTIONS, messages)
        judgement = self._readers.predictions.read(messages)
        judged = [each for each in judgement.judged if each.monitor.labels]
        rows = prediction_rows(judged, appended, self._codes, self._memory.streams, self._memory.key)
        for model_id, partition, found in rows:
            self._memory.add_predictions(partition, model_id, found)
            self._rows += len(found.stream)
        for each in judged:
            self._note(PREDICTIONS, each.monitor, latest_by_source(each.event_time, each.partition, each.chosen))
        for mark in judgement.marks:
            self._note(PREDICTIONS, mark.monitor, {mark.partition: mark.event_time})

    def _join_labels(self, messages: Sequence[Message]) -> None:
        appended = self._memory.append_times(LABELS, messages)
        judgement = self._readers.labels.read(messages)
        for model_id, partition, found in label_rows(judgement.judged, messages, appended, self._memory.key):
            self._memory.add_labels(partition, model_id, found)
            self._rows += len(found.values)
            self._labels += len(found.values)
        for each in judgement.judged:
            self._note(LABELS, each.monitor, latest_by_source(each.label_time, each.partition, each.chosen))
        for mark in judgement.marks:
            self._note(LABELS, mark.monitor, {mark.partition: mark.event_time})
        self._refused += judgement.refused

    def _codes(self, judged: Judged) -> dict[int, int]:
        """Stream of the join for each stream code of the reader."""
        names = {code: self._readers.predictions.stream_name(code) for code in np.unique(judged.stream[judged.chosen]).tolist()}
        return {code: self._memory.streams.code(judged.monitor, version) for code, (_, version) in names.items()}

    def _note(self, topic: str, monitor: Monitor, times: Mapping[int, int]) -> None:
        for partition, event_time in times.items():
            self._latest.note(monitor, topic, partition, event_time)

    def _profile_sets(self, reach: Mapping[TopicPartition, Reach]) -> Iterator[ProfileSet]:
        """One for each model, version and monitor version with pairs; one without counts for a model that only moved on."""
        pairs: dict[int, list[Pairs]] = defaultdict(list)
        for partition, joins in self._memory.joins():
            labels = reach.get(TopicPartition(LABELS, partition))
            self._memory.settle(partition, labels_idle=labels is not None and labels.caught_up)
            for model_id, join in joins.items():
                if not join.has_news:
                    continue
                for stream, found in self._told(model_id, join):
                    pairs[stream].append(found)
        counted = set()
        for stream in sorted(pairs):
            known = self._memory.streams[stream]
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
