"""Rows to profiles by model version, slice and pane, whatever order the file has them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.backtest.beyond import Beyond, Outcomes
from driftline.backtest.columns import counted, times_us
from driftline.backtest.roles import Roles
from driftline.drift.labels.cells import class_codes, count_pairs
from driftline.drift.labels.rows import Features, Pairs
from driftline.drift.profile import Layout, Profile, Reservoir, Sampler, SliceCodes, Tally, portions
from driftline.drift.slices import Slicer
from driftline.drift.sqlmetrics.packing import pack
from driftline.events import Monitor, PaneProfile, Part, Task
from driftline.wording import amount

__all__ = ["Counter", "Place", "Refusals"]

Integers = NDArray[np.int64]
_ROOM_BYTES = 64 << 20
NO_VERSION = "unversioned"
"""What a row counts for where the file names no version."""
_EVEN_ODDS = 0.5


class Place(NamedTuple):
    """Where a profile belongs."""

    pane: int
    version: str
    part: Part
    slice: str


@dataclass(slots=True)
class Refusals:
    """Rows that could not be counted, by reason."""

    without_time: int = 0
    infinite: dict[str, int] = field(default_factory=dict)
    """By column."""

    def described(self) -> list[str]:
        """Sentences, one for each reason."""
        reasons = {"no time": self.without_time, **{f"an infinite {name}": rows for name, rows in self.infinite.items()}}
        left_out = {reason: rows for reason, rows in reasons.items() if rows}
        return [
            f"{amount(rows, f'row has {reason} and was', f'rows have {reason} and were', form=',')} left out"
            for reason, rows in left_out.items()
        ]


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch and what was made of its rows."""

    record: pa.RecordBatch
    columns: Mapping[str, Column]
    times: Integers
    versions: Integers
    slices: SliceCodes


class Counter:
    """Counts batches; holds one profile, encoded, for each pane, model version, part and slice."""

    def __init__(self, monitor: Monitor, layout: Layout, roles: Roles, kinds: Mapping[str, pa.DataType]) -> None:
        self._monitor = monitor
        self._layout = layout
        self._roles = roles
        watched = roles.watched(kinds)
        program = layout.program
        seen = () if program is None else (*program.inputs.columns, *program.pairs.columns)
        names = (*(column.name for column in monitor.columns), *seen)
        self._watched = {name: watched[name] for name in names if name in watched}
        self._tally = Tally(layout)
        self._sampler = Sampler(layout)
        self._slicer = Slicer(layout)
        self._versions: dict[str, int] = {}
        self._kept: dict[Place, PaneProfile] = {}
        self.beyond = Beyond(layout, monitor)
        self._read = 0
        self.rows = 0
        self.labels = 0
        self.refused = Refusals()

    def add(self, batch: pa.RecordBatch, times: tuple[Integers, NDArray[np.bool_]] | None = None) -> None:
        """Count the rows of a batch; `times` where they are not in a column of it."""
        found, known = times or times_us(batch.column(self._roles.time), self._roles.time or "")
        columns = {name: counted(batch.column(column), kind, found) for name, (column, kind) in self._watched.items()}
        chosen = np.flatnonzero(known & self._finite(columns, known))
        versions = self._coded_versions(batch)
        self._sampler.add(versions.astype(np.uint64), found, columns, chosen, (self._read + chosen).astype(np.uint64))
        self._read += batch.num_rows
        self.rows += len(chosen)
        slices = np.zeros((batch.num_rows, len(self._layout.cuts)), np.uint8)
        for rows in portions(self._layout, found, chosen, streams=len(self._versions), maximum=_ROOM_BYTES):
            codes = self._slicer.codes(columns, rows)
            self._tally.add(versions.astype(np.uint64), found, columns, rows, codes)
            if codes is not None:
                slices[rows] = codes.T
            if self._tally.room_bytes > _ROOM_BYTES:
                self._flush()
        if self._roles.label is not None and len(chosen):
            self._add_pairs(_Batch(batch, columns, found, versions, slices), chosen)

    def profiles(self) -> Iterator[tuple[Place, PaneProfile]]:
        """Everything that was counted, in the order of panes."""
        self._flush()
        return iter(sorted(self._kept.items()))

    def _finite(self, columns: Mapping[str, Column], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        fine = np.ones(len(known), np.bool_)
        for name, column in columns.items():
            if column.reals is not None:
                infinite = np.isinf(column.reals) & known
                if infinite.any():
                    self.refused.infinite[name] = self.refused.infinite.get(name, 0) + int(infinite.sum())
                    fine &= ~infinite
        self.refused.without_time += int((~known).sum())
        return fine

    def _coded_versions(self, batch: pa.RecordBatch) -> Integers:
        if self._roles.version is None:
            self._versions.setdefault(NO_VERSION, 0)
            return np.zeros(batch.num_rows, np.int64)
        coded = pc.dictionary_encode(pc.fill_null(batch.column(self._roles.version), NO_VERSION))
        codes = np.array([self._versions.setdefault(name, len(self._versions)) for name in coded.dictionary.to_pylist()])
        return codes[coded.indices.to_numpy(zero_copy_only=False)] if len(codes) else np.zeros(0, np.int64)

    def _add_pairs(self, batch: _Batch, chosen: Integers) -> None:
        label, versions = batch.record.column(self._roles.label), batch.versions
        chosen = chosen[label.is_valid().to_numpy(zero_copy_only=False)[chosen]]
        if self._monitor.task is Task.REGRESSION:
            chosen = chosen[np.isfinite(label.to_numpy(zero_copy_only=False)[chosen])]
        delay = self._delays(batch)
        chosen = chosen[delay[chosen] <= self._monitor.label_ttl_us]
        self.labels += len(chosen)
        predicted, value = self._outcome(batch.record)
        actual = np.array(label.to_pylist(), np.object_)
        self.beyond.add(batch.columns, self._outcomes(chosen, label, predicted, value))
        for code in np.unique(versions[chosen]).tolist():
            mine = chosen[versions[chosen] == code]
            pairs = Pairs(
                stream=versions[mine].astype(np.int32),
                event_time=batch.times[mine],
                predicted=predicted[mine],
                value=value[mine],
                in_time=delay[mine] <= self._monitor.label_delay_us,
                actual=actual[mine].tolist(),
                sign=np.ones(len(mine), np.int64),
                slices=batch.slices[mine],
                features=self._features(batch, mine),
            )
            for (part, name, pane), profile in count_pairs(self._layout, pairs).items():
                self._keep(Place(pane, self._name(code), part, name), profile)

    def _features(self, batch: _Batch, chosen: Integers) -> Features:
        """What business metrics of pairs look at."""
        if self._layout.program is None:
            return Features()
        return Features(*pack(self._layout.program.pairs, batch.columns, chosen, batch.record.num_rows))

    def _delays(self, batch: _Batch) -> Integers:
        if self._roles.label_time is None:
            return np.zeros_like(batch.times)
        found, known = times_us(batch.record.column(self._roles.label_time), self._roles.label_time)
        return np.where(known, found - batch.times, np.iinfo(np.int64).max)

    def _outcome(self, batch: pa.RecordBatch) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Class code and value (score, or predicted number) of every row."""
        nothing = np.full(batch.num_rows, np.nan)
        prediction = None if self._roles.prediction is None else batch.column(self._roles.prediction)
        if self._monitor.task is Task.REGRESSION:
            return np.zeros(batch.num_rows, np.int32), _floats(prediction) if prediction is not None else nothing
        score = nothing if self._roles.score is None else _floats(batch.column(self._roles.score))
        if prediction is None:
            positive, other = class_codes(self._layout, (self._monitor.positive_class, None))
            return np.where(score >= _EVEN_ODDS, positive, other).astype(np.int32), score
        return self._classes(prediction), score if self._monitor.task is Task.BINARY else nothing

    def _classes(self, array: pa.Array) -> NDArray[np.int32]:
        """Codes of classes; null is the class that nobody knows."""
        coded = pc.dictionary_encode(array)
        codes = np.array([*class_codes(self._layout, tuple(coded.dictionary.to_pylist())), len(self._layout.classes)], np.int32)
        indices: Integers = pc.fill_null(coded.indices, len(codes) - 1).to_numpy(zero_copy_only=False)
        return codes[indices]

    def _outcomes(self, rows: Integers, label: pa.Array, predicted: NDArray[np.int32], value: NDArray[np.float64]) -> Outcomes:
        """How predictions came out, for labelled rows."""
        if self._monitor.task is Task.REGRESSION:
            nothing = np.zeros(len(rows), np.bool_)
            error = value[rows] - _floats(label)[rows]
            return Outcomes(rows, nothing, nothing, value[rows], error)
        actual = self._classes(label)[rows]
        (positive,) = class_codes(self._layout, (self._monitor.positive_class,))
        return Outcomes(rows, predicted[rows] == actual, actual == positive, value[rows], np.zeros(0))

    def _flush(self) -> None:
        for (code, name, pane), profile in self._tally.profiles().items():
            self._keep(Place(pane, self._name(code), Part.INPUTS, name), profile)
        self._tally.clear()
        for code, sample in self._sampler.take():
            self._keep_sample(Place(sample.pane, self._name(code), Part.SAMPLE, ""), sample)

    def _keep_sample(self, place: Place, sample: PaneProfile) -> None:
        kept = self._kept.get(place)
        if kept is not None:
            k, columns = self._layout.sample_rows, len(self._layout.blocks)
            both = (Reservoir.decode(k, columns, one.cells) for one in (kept, sample))
            sample = replace(sample, cells=Reservoir.total(k, columns, both).encode()[0])
        self._kept[place] = sample

    def _keep(self, place: Place, profile: Profile) -> None:
        kept = self._kept.get(place)
        if kept is not None:
            profile = profile + Profile.from_event(self._layout, kept)
        self._kept[place] = profile.to_event(place.slice, place.pane)

    def _name(self, code: int) -> str:
        return next(name for name, known in self._versions.items() if known == code)


def _floats(array: pa.Array) -> NDArray[np.float64]:
    found: NDArray[np.float64] = pc.fill_null(array, np.nan).to_numpy(zero_copy_only=False)
    return found
