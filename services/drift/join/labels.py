"""From messages of the topic `labels` to judged labels: which may join under which monitor, which are refused and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Columns, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile.tally import category_hashes
from driftline.errors import Reason
from driftline.events import Monitor, Task
from driftline.kafka.ports import Message
from driftline.validation import fit_id, partitions_of
from driftline.validation.labels import Labels, validate_labels
from services.drift.stage1.judgement import Integers, Judgement, Refused, Source
from services.drift.stage1.reader import Reader

__all__ = ["JudgedLabels", "LabelReader"]

_BOOLEANS = ("false", "true")
_NO_LABELS = "the monitor of {} says that no labels come; apply a version with labels: true, then replay"


@dataclass(frozen=True, slots=True)
class JudgedLabels:
    """Accepted labels of one model under one monitor version: the rows `chosen`, in the order of the messages."""

    monitor: Monitor
    labels: Labels
    chosen: Integers
    message: Integers
    """By row: index into the messages that were read."""
    partition: NDArray[np.int32]
    """By row: source partition."""

    @property
    def label_time(self) -> Integers:
        """By row: label time, microseconds."""
        times = self.labels.label_time.integers
        assert times is not None  # an accepted label has one
        return times

    def values(self) -> list[float | str]:
        """The chosen labels: classes as text, numbers as they are."""
        column = self.labels.label
        if self.monitor.task is Task.REGRESSION:
            numbers: list[float | str] = list(column.numbers()[self.chosen].tolist())
            return numbers
        texts: dict[int, float | str] = dict(column.distinct(self.chosen))
        texts |= dict(zip(hash_texts(_BOOLEANS).tolist(), _BOOLEANS, strict=True))
        return [texts[found] for found in category_hashes(column)[self.chosen].tolist()]


class LabelReader(Reader[JudgedLabels]):
    """Judges messages of `labels` by what the book knew when each was appended. One thread only."""

    event = "Label"
    needed = frozenset({"model_id", "prediction_id", "label_time", "label"})
    takes = "Label and Watermark"

    def _judge_columns(self, decoded: Columns, part: Integers, source: Source, out: Judgement[JudgedLabels]) -> None:
        """Sort labels by model and monitor version, and judge each lot."""
        append_time, partition = source.append_time[part], source.partition[part]
        labels = Labels(decoded.column("prediction_id"), decoded.column("label_time"), decoded.column("label"), append_time)
        for model_id, rows in _by_model(decoded.column("model_id"), np.flatnonzero(decoded.ok)):
            if model_id is None:
                out.refused.extend(_refused(source.pick(part[rows]), Reason.INVALID_ID, "model_id", None))
                continue
            entries = self._book.entries(model_id)
            versions = self._book.versions_for(model_id, _ticks(labels.label_time)[rows], append_time[rows])
            for version in np.unique(versions).tolist():
                mine = rows[versions == version]
                if version < 0:
                    out.refused.extend(_refused(source.pick(part[mine]), Reason.UNKNOWN_MODEL, "model_id", model_id))
                else:
                    self._judge_lot(JudgedLabels(entries[version].monitor, labels, mine, part, partition), source, out)

    def _judge_lot(self, lot: JudgedLabels, source: Source, out: Judgement[JudgedLabels]) -> None:
        model_id, chosen = lot.monitor.model_id, lot.chosen
        if not lot.monitor.labels:
            detail = _NO_LABELS.format(model_id)
            for message in source.pick(lot.message[chosen]):
                out.refused.append(Refused(message, Reason.UNEXPECTED_EVENT, detail, model_id=model_id))
            return
        verdict = validate_labels(lot.monitor, lot.labels, chosen)
        for row in chosen[~verdict.accepted[chosen]].tolist():
            reason, name = verdict.reason(row), verdict.field(row)
            assert reason is not None
            assert name is not None
            out.refused.append(Refused.because(source.messages[int(lot.message[row])], reason, name, model_id))
        chosen = chosen[verdict.accepted[chosen]]
        home = partitions_of(lot.labels.prediction_id, chosen, self._partitions)[chosen] == lot.partition[chosen]
        strays = source.pick(lot.message[chosen[~home]])
        out.refused.extend(_refused(strays, Reason.WRONG_PARTITION, "prediction_id", model_id))
        if home.any():
            out.judged.append(JudgedLabels(lot.monitor, lot.labels, chosen[home], lot.message, lot.partition))


def _refused(messages: Iterable[Message], reason: Reason, name: str, model_id: str | None) -> Iterator[Refused]:
    return (Refused.because(message, reason, name, model_id) for message in messages)


def _by_model(column: Column, rows: Integers) -> Iterator[tuple[str | None, Integers]]:
    """The rows of each model, in order; None for those whose id cannot be one."""
    hashes = np.zeros(len(column), np.uint64) if column.hash is None else column.hash
    text = column.kind[rows] == Kind.TEXT
    if not text.all():
        yield None, rows[~text]
        rows = rows[text]
    for found in np.unique(hashes[rows]).tolist():
        mine = rows[hashes[rows] == found]
        model_id = column.text(int(mine[0]))
        yield model_id if fit_id(model_id) else None, mine


def _ticks(column: Column) -> Integers:
    return np.zeros(len(column), np.int64) if column.integers is None else column.integers
