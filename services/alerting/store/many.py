"""One statement for many rows, without what SQLAlchemy does anew for each of them: a third of the time of a batch of alerts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Update

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    constants: Row
    """Values that the statement itself holds."""
    in_order: Callable[[Row], Any] | None
    """The values of a row as the driver wants them; None: by their names."""


class Many:
    """An INSERT or UPDATE whose parameters are texts, numbers, booleans and bytes, which drivers take as they are."""

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """Once for each row; rows have the same names. Nothing happens for none."""
        if not rows:
            return
        names = tuple(rows[0])
        key = (tx.dialect.name, names)
        if (found := self._compiled.get(key)) is None:
            found = self._compiled[key] = self._compile(tx.dialect, names)
        given = [{**found.constants, **row} for row in rows] if found.constants else rows
        tx.exec_driver_sql(found.text, list(map(found.in_order, given)) if found.in_order else list(map(dict, given)))

    def _compile(self, dialect: Dialect, names: Sequence[str]) -> _Compiled:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(names))
        constants = {name: value for name, value in compiled.params.items() if name not in names}
        order = compiled.positiontup if compiled.positional else None
        return _Compiled(str(compiled), constants, itemgetter(*order) if order else None)
