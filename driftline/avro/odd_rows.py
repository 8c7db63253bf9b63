"""The slow road: single rows by fastavro, for map keys that are too rare to have a column of cells."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import numpy as np

from driftline.avro.columns import Column, Kind, Value
from driftline.avro.layout import hash_texts


def without_logical_types(schema: Any) -> Any:
    """The schema with raw values only, so that fastavro makes no dates and decimals of them."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if isinstance(schema, Mapping):
        return {name: without_logical_types(value) for name, value in schema.items() if name != "logicalType"}
    return schema


class RowReader:
    """Reads one message of a schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = fastavro.parse_schema(without_logical_types(schema))

    def record(self, body: bytes) -> dict[str, Any]:
        """The record of a body without its header. Raises what fastavro raises."""
        record = fastavro.schemaless_reader(io.BytesIO(body), self._schema, None)
        if not isinstance(record, dict):
            raise TypeError("the schema of a message is a record")
        return record

    def maps(self, body: bytes, paths: Sequence[str]) -> dict[str, dict[str, Value]]:
        """The entries of the map fields at `paths`; a null map has none."""
        record = self.record(body)
        found: dict[str, dict[str, Value]] = {}
        for path in paths:
            place: Any = record
            for name in path.split("."):
                place = place[name]
            found[path] = place or {}
        return found


def _kind(value: Value) -> Kind:
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER
    if isinstance(value, float):
        return Kind.REAL
    return Kind.TEXT if isinstance(value, str) else Kind.BYTES


def column_of(cells: Mapping[int, Value], rows: int) -> Column:
    """A column of `rows` rows that holds only these cells, with all its arrays and a buffer of its own."""
    kind = np.zeros(rows, np.int8)
    reals, integers = np.zeros(rows), np.zeros(rows, np.int64)
    start, length, hashes = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.uint64)
    buffer = bytearray()
    for row, value in cells.items():
        kind[row] = _kind(value)
        if isinstance(value, bool | int):
            integers[row] = reals[row] = value
        elif isinstance(value, float):
            reals[row] = value
        elif isinstance(value, str | bytes):
            raw = value.encode() if isinstance(value, str) else value
            start[row], length[row], hashes[row] = len(buffer), len(raw), hash_texts([raw])[0]
            buffer += raw
    return Column(bytes(buffer), kind, reals, integers, start, length, hashes)
