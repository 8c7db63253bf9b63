"""What each column of the files is, said by the caller or seen in the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from driftline.backtest.table import Kinds, Table
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind
from driftline.events.columns import PREDICTION, SCORE

__all__ = ["Roles", "dated", "resolve"]


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of columns in the files; None where a file has no such thing."""

    time: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    label_time: str | None = None
    version: str | None = None
    categorical: tuple[str, ...] = ()
    """Columns of numbers that are to be counted by value."""
    timestamps: tuple[str, ...] = ()
    """Columns of times, counted by their age; those of Arrow's types are added by `resolve`."""
    texts: tuple[str, ...] = ()
    """Columns of texts to be counted by their length."""
    ignore: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Watched columns; filled in by `resolve`."""

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that somebody named."""
        alone = (self.time, self.prediction, self.score, self.label, self.label_time, self.version)
        lists = (self.categorical, self.timestamps, self.texts, self.ignore)
        return tuple(name for name in (*alone, *(name for names in lists for name in names)) if name is not None)

    def watched(self, kinds: Kinds) -> dict[str, tuple[str, ColumnKind]]:
        """Column in the file and kind, by the name that a monitor has for it."""
        found = {name: (name, self.kind_of(name, kinds)) for name in self.features}
        if self.prediction is not None:
            found[PREDICTION] = (self.prediction, self.kind_of(self.prediction, kinds))
        if self.score is not None:
            found[SCORE] = (self.score, ColumnKind.NUMERIC)
        return found

    def kind_of(self, name: str, kinds: Kinds) -> ColumnKind:
        """How a column is counted."""
        if name in self.texts:
            return ColumnKind.TEXT_LENGTH
        if name in self.timestamps:
            return ColumnKind.TIMESTAMP
        by_value = name in self.categorical or not pa.types.is_floating(kinds[name])
        return ColumnKind.CATEGORICAL if by_value else ColumnKind.NUMERIC


def resolve(said: Roles, reference: Table, data: Table) -> tuple[Roles, list[str]]:
    """Roles with their features, and what a person should know of the choice.

    Features are the columns of both files that nobody gave another part to. Times are among them where the reference has event
    times to take their age at. Raises ConfigurationError for a name that a file does not have, and where nothing is left to watch.
    """
    for table in (reference, data):
        for name in said.named:
            if name not in table.columns and not (table is reference and name in {said.time, said.label_time, said.version}):
                raise ConfigurationError(f"{table.path} has no column {name!r}; it has {', '.join(table.columns)}")
    notes = []
    taken = {said.time, said.prediction, said.score, said.label, said.label_time, said.version, *said.ignore}
    features = [name for name in reference.columns if name in data.columns and name not in taken]
    times, ageless = _times(said, reference, features)
    if ageless:
        notes.append(f"left out, because they are times and the reference has no event times: {', '.join(ageless)}")
    missing = [name for name in reference.columns if name not in data.columns and name not in taken]
    if missing:
        notes.append(f"in the reference only, so not watched: {', '.join(missing)}")
    found = replace(said, features=tuple(name for name in features if name not in ageless), timestamps=times)
    if said.label is not None and said.prediction is None and said.score is None:
        notes.append(f"no prediction is named, so {said.label!r} is watched as a column and no performance is measured")
        found = replace(found, label=None, features=(*found.features, said.label))
    if not found.watched(reference.columns):
        raise ConfigurationError(f"{reference.path} and {data.path} have no column in common that could be watched")
    return found, notes


def _times(said: Roles, reference: Table, features: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Columns of times that can be watched, and those that cannot: for want of an event time, or times of day."""
    temporal = [name for name in features if pa.types.is_temporal(reference.columns[name])]
    if said.time is None or said.time not in reference.columns:
        if said.timestamps:
            raise ConfigurationError(
                f"{reference.path} needs a column {said.time or '(--time)'!r}: ages are taken at event times"
            )
        return (), temporal
    moments = [name for name in temporal if dated(reference.columns[name])]
    return tuple(dict.fromkeys((*said.timestamps, *moments))), [name for name in temporal if name not in moments]


def dated(kind: pa.DataType) -> bool:
    """Whether values are moments or days, not times of a day or lengths of time."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
