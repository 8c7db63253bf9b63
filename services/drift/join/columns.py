"""From judged rows to what the join takes: columns in offset order, ids as hashes, classes as codes of the layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.labels import Features, LabelRows, PredictionRows, Terms, hash_ids
from driftline.drift.profile import Layout, SliceCodes
from driftline.drift.profile.tally import category_hashes
from driftline.drift.slices import Slicer
from driftline.events import Monitor, Task
from driftline.events.columns import PREDICTION, SCORE
from driftline.kafka.ports import Message
from driftline.validation import MonitorBook
from services.drift.join.labels import JudgedLabels
from services.drift.stage1.judgement import Judged
from services.drift.stage1.models import Layouts, Versions

__all__ = ["Stream", "Streams", "append_times", "label_rows", "prediction_rows"]

Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream code of the join stands for: a model version under a monitor version."""

    version: str
    monitor: Monitor
    slicer: Slicer

    @property
    def layout(self) -> Layout:
        """What its pairs are counted in."""
        return self.slicer.layout

    @property
    def terms(self) -> Terms:
        """What its monitor says of labels."""
        return Terms(self.monitor.label_delay_us, self.monitor.label_ttl_us)


class Streams:
    """Streams by their codes, for as long as a process owns its partitions. The versions beyond the hundredth are one."""

    def __init__(self, layouts: Layouts, book: MonitorBook) -> None:
        """None yet."""
        self._layouts = layouts
        self._book = book
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._versions = Versions()
        self._known: list[Stream] = []
        self._codes: dict[tuple[str, str, int], int] = {}

    def __getitem__(self, code: int) -> Stream:
        """What a code stands for."""
        return self._known[code]

    def code(self, monitor: Monitor, version: str) -> int:
        """Code of a model version under a monitor version."""
        _, version = self._versions.place(monitor.model_id, version)
        name = (monitor.model_id, version, monitor.monitor_version)
        if name not in self._codes:
            self._codes[name] = len(self._known)
            self._known.append(Stream(version, monitor, self._layouts.slicer(monitor)))
        return self._codes[name]

    def terms(self, code: int) -> Terms:
        """What the monitor of a stream says of labels."""
        return self._known[code].terms

    def identity(self, code: int) -> list[Any]:
        """All that the rows of a stream depend on, as JSON knows it."""
        stream = self._known[code]
        terms = stream.terms
        return [stream.version, stream.monitor.monitor_version, stream.layout.hash, terms.label_delay, terms.label_ttl]

    def code_of(self, model_id: str, identity: Sequence[Any]) -> int | None:
        """Code of what `identity` said; None where its monitor says otherwise now."""
        version, monitor_version = identity[:2]
        monitor = self._book.version(model_id, monitor_version)
        if monitor is None:
            return None
        code = self.code(monitor, version)
        return code if self.identity(code) == list(identity) else None


@dataclass(frozen=True, slots=True)
class _Lot:
    """Rows of one model from one judgement, as columns."""

    partition: Integers
    message: Integers
    row: Integers
    ids: list[bytes]
    columns: tuple[NDArray[Any], ...]
    slices: SliceCodes | None = None
    features: Features = field(default_factory=Features)


def append_times(messages: Sequence[Message], reached: dict[int, int]) -> Integers:
    """Append time of each message, never less than an earlier one's of its partition; moves `reached` on."""
    times = np.array([message.timestamp()[1] for message in messages], np.int64) * 1000
    partitions = np.array([message.partition() for message in messages], np.int64)
    for partition in np.unique(partitions).tolist():
        mine = np.flatnonzero(partitions == partition)
        latest = np.maximum.accumulate(np.append(reached.get(partition, times[mine[0]]), times[mine]))
        times[mine] = latest[1:]
        reached[partition] = int(latest[-1])
    return times


def prediction_rows(
    judged: Iterable[Judged],
    appended: Integers,
    streams: Callable[[Judged], Mapping[int, int]],
    known: Streams,
    key: bytes,
) -> Iterator[tuple[str, int, PredictionRows]]:
    """Model, partition and rows in offset order. `streams` maps the reader's codes to codes of the join."""
    lots: dict[str, list[_Lot]] = defaultdict(list)
    for each in judged:
        codes = streams(each)
        chosen = each.chosen
        stream = np.array([codes[code] for code in each.stream[chosen].tolist()], np.int32)
        slicer = known[int(stream[0])].slicer
        predicted, value = _outcome(each, slicer.layout)
        slices = slicer.codes(each.rows.columns, chosen)
        columns = (stream, each.event_time[chosen], predicted, value)
        features = _features(slicer.layout, each)
        lots[each.monitor.model_id].append(
            _Lot(
                each.partition[chosen].astype(np.int64),
                each.message[chosen],
                chosen,
                each.rows.prediction_id.pieces(chosen),
                columns,
                slices,
                features,
            )
        )
    for model_id, found in lots.items():
        words = {each: text for lot in found for each, text in lot.features.words.items()}
        for partition, message, keys, (stream, event_time, predicted, value, by_cut, cells) in _ordered(found, key):
            terms = {code: known[code].terms for code in np.unique(stream).tolist()}
            yield (
                model_id,
                partition,
                PredictionRows(
                    terms=terms,
                    stream=stream,
                    keys=keys,
                    event_time=event_time,
                    append_time=appended[message],
                    predicted=predicted,
                    value=value,
                    slices=by_cut,
                    features=Features(cells, words),
                ),
            )


def label_rows(
    judged: Iterable[JudgedLabels], messages: Sequence[Message], appended: Integers, key: bytes
) -> Iterator[tuple[str, int, LabelRows]]:
    """Model, partition and labels in offset order; the source of a label is its message."""
    lots: dict[str, list[_Lot]] = defaultdict(list)
    for each in judged:
        chosen = each.chosen
        memory = Terms(each.monitor.label_delay_us, each.monitor.label_ttl_us).memory
        values = np.empty(len(chosen), np.object_)
        values[:] = each.values()
        columns = (each.label_time[chosen], np.full(len(chosen), memory, np.int64), values)
        lots[each.monitor.model_id].append(
            _Lot(
                each.partition[chosen].astype(np.int64),
                each.message[chosen],
                chosen,
                each.labels.prediction_id.pieces(chosen),
                columns,
            )
        )
    for model_id, found in lots.items():
        for partition, message, keys, (label_time, memories, outcomes, _, _) in _ordered(found, key):
            yield (
                model_id,
                partition,
                LabelRows(
                    keys=keys,
                    label_time=label_time,
                    append_time=appended[message],
                    memory=memories,
                    values=outcomes.tolist(),
                    sources=[messages[i] for i in message.tolist()],
                ),
            )


def _ordered(lots: Sequence[_Lot], key: bytes) -> Iterator[tuple[int, Integers, NDArray[np.uint64], list[NDArray[Any]]]]:
    """Partition, message index, hashed ids and columns, by partition and in the order of messages and their rows."""
    partition = np.concatenate([lot.partition for lot in lots])
    message = np.concatenate([lot.message for lot in lots])
    row = np.concatenate([lot.row for lot in lots])
    keys = hash_ids((each for lot in lots for each in lot.ids), key)
    columns = [np.concatenate(parts) for parts in zip(*(lot.columns for lot in lots), strict=True)]
    columns += [_by_cut(lots), _by_column(lots)]
    order = np.lexsort((row, message, partition))
    borders = np.flatnonzero(np.diff(partition[order])) + 1
    for part in np.split(order, borders):
        yield int(partition[part[0]]), message[part], keys[part], [column[part] for column in columns]


def _by_cut(lots: Sequence[_Lot]) -> SliceCodes:
    """Slices of the rows of all lots, (rows, cuts); monitor versions may differ in how many cuts they have."""
    most = max(0 if lot.slices is None else len(lot.slices) for lot in lots)
    found = np.zeros((sum(len(lot.row) for lot in lots), most), np.uint8)
    end = 0
    for lot in lots:
        start, end = end, end + len(lot.row)
        if lot.slices is not None:
            found[start:end, : len(lot.slices)] = lot.slices.T
    return found


def _by_column(lots: Sequence[_Lot]) -> NDArray[np.uint64]:
    """Features of the rows of all lots; monitor versions may differ in how many they have."""
    found = np.zeros((sum(len(lot.row) for lot in lots), max(lot.features.cells.shape[1] for lot in lots)), np.uint64)
    end = 0
    for lot in lots:
        start, end = end, end + len(lot.row)
        if lot.features.cells.size:
            found[start:end, : lot.features.cells.shape[1]] = lot.features.cells
    return found


def _features(layout: Layout, judged: Judged) -> Features:
    """What the metrics of a layout want of the chosen rows."""
    if layout.program is None:
        return Features()
    from driftline.drift.sqlmetrics.packing import pack

    return Features(*pack(layout.program.pairs, judged.rows.columns, judged.chosen, len(judged.event_time)))


def _outcome(judged: Judged, layout: Layout) -> tuple[Codes, Floats]:
    """Class code and value (score, or predicted number) of the chosen rows."""
    chosen = judged.chosen
    prediction, score = judged.rows.columns.get(PREDICTION), judged.rows.columns.get(SCORE)
    if layout.task is Task.REGRESSION:
        return np.zeros(len(chosen), np.int32), _numbers(prediction, chosen)
    value = _numbers(score if layout.task is Task.BINARY else None, chosen)
    return _classes(prediction, chosen, layout.classes), value


def _numbers(column: Column | None, chosen: Integers) -> Floats:
    if column is None:
        return np.full(len(chosen), np.nan)
    return np.where(column.numeric[chosen], column.numbers()[chosen], np.nan)


def _classes(column: Column | None, chosen: Integers, classes: tuple[str, ...]) -> Codes:
    other = len(classes)
    if column is None or not classes:
        return np.full(len(chosen), other, np.int32)
    known = hash_texts(classes)
    order = np.argsort(known)
    hashes = category_hashes(column)[chosen]
    place = order[np.searchsorted(known[order], hashes).clip(max=other - 1)]
    found = (known[place] == hashes) & (column.kind[chosen] > Kind.NULL)
    return np.where(found, place, other).astype(np.int32)
