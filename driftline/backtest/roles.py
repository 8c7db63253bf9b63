"""What each column of the files is, said by the caller or seen in the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from driftline.backtest.table import Kinds, Table
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind
from driftline.events.columns import PREDICTION, SCORE

__all__ = ["Roles", "resolve"]


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
    ignore: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Watched columns; filled in by `resolve`."""

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that somebody named."""
        alone = (self.time, self.prediction, self.score, self.label, self.label_time, self.version)
        return (*(name for name in alone if name is not None), *self.categorical, *self.ignore)

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
        by_value = name in self.categorical or not pa.types.is_floating(kinds[name])
        return ColumnKind.CATEGORICAL if by_value else ColumnKind.NUMERIC


def resolve(said: Roles, reference: Table, data: Table) -> tuple[Roles, list[str]]:
    """Roles with their features, and what a person should know of the choice.

    Features are the columns of both files that nobody gave another part to, times left out. Raises ConfigurationError
    for a name that a file does not have, and where nothing is left to watch.
    """
    for table in (reference, data):
        for name in said.named:
            if name not in table.columns and not (table is reference and name in {said.time, said.label_time, said.version}):
                raise ConfigurationError(f"{table.path} has no column {name!r}; it has {', '.join(table.columns)}")
    notes = []
    taken = {said.time, said.prediction, said.score, said.label, said.label_time, said.version, *said.ignore}
    features = [name for name in reference.columns if name in data.columns and name not in taken]
    times = [name for name in features if pa.types.is_temporal(reference.columns[name])]
    if times:
        notes.append(f"left out, because they are times: {', '.join(times)}")
    missing = [name for name in reference.columns if name not in data.columns and name not in taken]
    if missing:
        notes.append(f"in the reference only, so not watched: {', '.join(missing)}")
    found = replace(said, features=tuple(name for name in features if name not in times))
    if said.label is not None and said.prediction is None and said.score is None:
        notes.append(f"no prediction is named, so {said.label!r} is watched as a column and no performance is measured")
        found = replace(found, label=None, features=(*found.features, said.label))
    if not found.watched(reference.columns):
        raise ConfigurationError(f"{reference.path} and {data.path} have no column in common that could be watched")
    return found, notes
