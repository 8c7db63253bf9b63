"""From columns to partials: the row-level expressions of all metrics of one kind of rows, each computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.drift.profile.partial import Partial, Room
from driftline.drift.sqlmetrics.operations import SPELLED
from driftline.drift.sqlmetrics.steps import Step, Steps, evaluate
from driftline.drift.sqlmetrics.vectors import Flags, Texts, Truths, Type, Vector, vector_among

__all__ = ["Meter", "Plan", "PlanBuilder", "State", "StateKind"]

FORMAT = 1
"""Changes when the same definitions give other partials."""

CHUNK = 16_384
"""Rows that are computed at a time: a dozen intermediate columns of them stay in the cache of a core."""

_TEXT_RESULTS = frozenset({"case text", "coalesce text", "nullif text"})

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class StateKind(StrEnum):
    """What is kept of a step over the rows."""

    COUNT = "COUNT"
    """Rows where it is not NULL."""
    TRUE = "TRUE"
    """Rows where it is true."""
    SUM = "SUM"
    """COUNT, and the sum."""
    DEVIATIONS = "DEVIATIONS"
    """COUNT, and the sums of x - origin and (x - origin)^2."""
    LOW = "LOW"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class State:
    """One thing that is kept."""

    kind: StateKind
    step: int
    origin: float = 0.0
    """DEVIATIONS: a typical value, so that squares do not cancel each other out."""


@dataclass(slots=True)
class PlanBuilder:
    """A plan under construction; equal states are one."""

    steps: Steps = field(default_factory=Steps)
    states: list[State] = field(default_factory=list)
    columns: dict[str, Type] = field(default_factory=dict)

    def state(self, kind: StateKind, step: int, origin: float = 0.0) -> int:
        """Index of the state."""
        state = State(kind, step, origin)
        if state not in self.states:
            self.states.append(state)
        return self.states.index(state)

    def column(self, name: str, kind: Type) -> int:
        """Step of a column."""
        self.columns[name] = kind
        return self.steps.add("input", constants=(name,))

    def build(self) -> Plan:
        """The plan."""
        return Plan(tuple(self.steps.steps), tuple(self.states), dict(self.columns))


@dataclass(frozen=True)
class Plan:
    """What to compute of a batch of rows. `columns` are those it wants, by name: `Numbers` or `Texts` (see `vectors`)."""

    steps: tuple[Step, ...]
    states: tuple[State, ...]
    columns: Mapping[str, Type]

    def __bool__(self) -> bool:
        """Whether any metric looks at these rows (counting rows is one, too)."""
        return bool(self.states)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what shapes the partials: part of the layout hash of a monitor that has metrics."""
        words = (FORMAT, self.steps, [(state.kind.value, state.step, state.origin) for state in self.states])
        return hashlib.sha256(repr(words).encode()).hexdigest()

    @cached_property
    def _kept(self) -> tuple[tuple[tuple[int, int, int], ...], tuple[int, int, int, int]]:
        places = []
        counts = sums = lows = highs = 0
        for state in self.states:
            places.append((counts, sums, highs if state.kind is StateKind.HIGH else lows))
            counts += state.kind not in (StateKind.LOW, StateKind.HIGH)
            sums += {StateKind.SUM: 1, StateKind.DEVIATIONS: 2}.get(state.kind, 0)
            lows += state.kind is StateKind.LOW
            highs += state.kind is StateKind.HIGH
        return tuple(places), (counts, sums, lows, highs)

    @property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Of each state: index of its count, of its first sum, of its extreme."""
        return self._kept[0]

    @cached_property
    def room(self) -> Room:
        """Lengths of the partials."""
        return Room(bytes.fromhex(self.digest)[:8], *self._kept[1])

    @cached_property
    def spelled(self) -> frozenset[str]:
        """Columns whose texts are read (LIKE, LOWER, ...): of the others a hash will do, which is all a join need remember."""
        reach: list[frozenset[str]] = []
        read: frozenset[str] = frozenset()
        for step in self.steps:
            below = frozenset[str]().union(*(reach[i] for i in step.arguments))
            if step.operation == "input":
                name = str(step.constants[0])
                below = frozenset({name}) if self.columns[name] is Type.TEXT else below
            elif step.operation in SPELLED:
                read |= below
            elif step.operation not in _TEXT_RESULTS:
                below = frozenset()
            reach.append(below)
        return read

    def partial(self, columns: Mapping[str, Vector], rows: int) -> Partial:
        """The state of `rows` rows, as one group."""
        return self.partials(columns, None, rows, 1)[0]

    def partials(self, columns: Mapping[str, Vector], group: Codes | None, rows: int, groups: int) -> list[Partial]:
        """The state of each group. `group` has the code of each row, -1 = leave it out; None = all rows are group 0.

        Raises KeyError for a column that is not there: a column that no row has is one of NULLs (`vectors.numbers`).
        """
        table = Meter(self)
        table.make_room(groups)
        table.add(columns, [group], rows)
        return [table.partial(code) for code in range(groups)]

    def meter(self) -> Meter:
        """Something to count rows with, batch by batch."""
        return Meter(self)


class Meter:
    """Partials of some groups, as they grow."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows = np.zeros(0, np.int64)
        self._counts = np.zeros((0, plan.room.counts), np.int64)
        self._sums = np.zeros((0, plan.room.sums))
        self._lows = np.zeros((0, plan.room.lows))
        self._highs = np.zeros((0, plan.room.highs))

    @property
    def _groups(self) -> int:
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Memory of the partials."""
        return self._groups * self._plan.room.bytes

    def make_room(self, groups: int) -> None:
        """Make the tables longer, up to so many groups, keeping what is counted."""
        more = groups - self._groups
        room = self._plan.room
        self._rows = np.concatenate((self._rows, np.zeros(more, np.int64)))
        self._counts = np.concatenate((self._counts, np.zeros((more, room.counts), np.int64)))
        self._sums = np.concatenate((self._sums, np.zeros((more, room.sums))))
        self._lows = np.concatenate((self._lows, np.full((more, room.lows), np.inf)))
        self._highs = np.concatenate((self._highs, np.full((more, room.highs), -np.inf)))

    def partial(self, group: int) -> Partial:
        """The state of a group. A view: good until more is added."""
        parts = (table[group] for table in (self._counts, self._sums, self._lows, self._highs))
        return Partial(self._plan.room, int(self._rows[group]), *parts)

    def add(self, columns: Mapping[str, Vector], cuts: Sequence[Codes | None], rows: int) -> None:
        """Count rows, once for each of some ways to group them (-1 = left out; None = all in group 0)."""
        plan = self._plan
        for low in range(0, rows, CHUNK):
            part = slice(low, min(low + CHUNK, rows))
            results = evaluate(plan.steps, {name: _rows_of(columns[name], part) for name in plan.columns})
            for codes in cuts:
                self._add(results, None if codes is None else codes[part], part.stop - part.start)

    def add_columns(self, columns: Mapping[str, Column], cuts: NDArray[np.int32], chosen: Integers) -> None:
        """Count the chosen rows (indices) of decoded columns; `cuts` has a row of codes of all rows for each way to group them.

        A column that is missing is NULL in every row.
        """
        rows = cuts.shape[1]
        among = None if len(chosen) == rows else chosen
        vectors = {name: vector_among(columns.get(name), kind, among, rows) for name, kind in self._plan.columns.items()}
        self.add(vectors, [codes if among is None else codes[among] for codes in cuts], len(chosen))

    def _add(self, results: Sequence[Vector], codes: Codes | None, rows: int) -> None:
        split = _Split(codes, rows, self._groups)
        self._rows += split.count(None)
        with np.errstate(all="ignore"):
            for state, place in zip(self._plan.states, self._plan.places, strict=True):
                self._add_state(state, place, results[state.step], split)

    def _add_state(self, state: State, place: tuple[int, int, int], value: Vector, split: _Split) -> None:
        count, first, extreme = place
        if state.kind is StateKind.TRUE:
            assert isinstance(value, Truths)
            self._counts[:, count] += split.count(value.true)
        elif state.kind is StateKind.COUNT:
            self._counts[:, count] += split.count(_known(value))
        else:
            numbers = split.spread(value)
            if state.kind is StateKind.LOW:
                self._lows[:, extreme] = np.fmin(self._lows[:, extreme], split.low(numbers))
            elif state.kind is StateKind.HIGH:
                self._highs[:, extreme] = np.fmax(self._highs[:, extreme], -split.low(-numbers))
            elif state.kind is StateKind.SUM:
                n, total = split.total(numbers)
                self._counts[:, count] += n
                self._sums[:, first] += total
            else:
                away = numbers - state.origin
                n, total = split.total(away)
                self._counts[:, count] += n
                self._sums[:, first] += total
                self._sums[:, first + 1] += split.total(away * away)[1]


class _Split:
    """How the rows of a chunk fall into groups."""

    def __init__(self, codes: Codes | None, rows: int, groups: int) -> None:
        self._rows = rows
        self._groups = groups
        self._codes = codes
        self._shifted = None if codes is None else codes + 1  # group -1 is counted in a place of its own, and dropped

    def spread(self, value: object) -> Floats:
        """Numbers with one value for each row."""
        return np.broadcast_to(np.asarray(value, np.float64), (self._rows,))

    def count(self, which: Flags | None) -> Integers | int:
        """Rows of each group where `which` is true; None = all."""
        if self._shifted is None:
            return self._rows if which is None else int(np.count_nonzero(np.broadcast_to(which, (self._rows,))))
        chosen = self._shifted if which is None else self._shifted[np.broadcast_to(which, (self._rows,))]
        return np.bincount(chosen, minlength=self._groups + 1)[1:]

    def total(self, numbers: Floats) -> tuple[Integers | int, Floats | float]:
        """How many of each group are not NULL, and their sum."""
        if self._shifted is None:
            total = float(numbers.sum())
            if total == total:  # noqa: PLR0124 - NaN as soon as one number is
                return len(numbers), total
        known = ~np.isnan(numbers)
        if self._shifted is None:
            return int(np.count_nonzero(known)), float(numbers.sum(where=known))
        whole = bool(known.all())
        codes, kept = (self._shifted, numbers) if whole else (self._shifted[known], numbers[known])
        length = self._groups + 1
        totals: Floats = np.bincount(codes, kept, length).astype(np.float64)
        return np.bincount(codes, minlength=length)[1:].astype(np.int64), totals[1:]

    def low(self, numbers: Floats) -> Floats | float:
        """The smallest of each group, inf where there is none."""
        if self._shifted is None:
            return float(np.fmin.reduce(numbers, initial=np.inf))
        lows = np.full(self._groups + 1, np.inf)
        np.fmin.at(lows, self._shifted, numbers)
        return lows[1:]


def _known(value: Vector) -> Flags:
    if isinstance(value, Texts):
        return value.flags
    return value.known if isinstance(value, Truths) else ~np.isnan(value)


def _rows_of(column: Vector, part: slice) -> Vector:
    if isinstance(column, Texts):
        return column.rows(part)
    assert isinstance(column, np.ndarray)
    return column[part]
