"""Columnar Avro: compile a record schema once, decode whole batches of messages into columns."""

from driftline.avro.columns import ArrayColumn, Column, Columns, Kind, MapColumn, RowError
from driftline.avro.joined import Joined
from driftline.avro.layout import hash_texts
from driftline.avro.program import Program, compile_schema
from driftline.avro.schema import UnsupportedSchema

__all__ = [
    "ArrayColumn",
    "Column",
    "Columns",
    "Joined",
    "Kind",
    "MapColumn",
    "Program",
    "RowError",
    "UnsupportedSchema",
    "compile_schema",
    "hash_texts",
]
