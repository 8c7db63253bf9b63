"""From an Avro record schema to the plan of its columns: pure, no numba."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from fastavro.schema import SchemaParseException, expand_schema


class UnsupportedSchema(ValueError):
    """The schema has a shape that the columnar decoder does not take: read it row by row (fastavro) or change it.

    Taken: a record of null, boolean, int, long, float, double, string, bytes, enum and fixed; unions of these;
    maps and arrays of these or of such unions, also nullable; records inside records, not nullable.
    Logical types are ignored: the raw value is what the column holds.
    """


class Wire(IntEnum):
    """How a value is written. The numbers are those of the kernel."""

    NULL = 0
    BOOLEAN = 1
    INT = 2
    LONG = 3
    FLOAT = 4
    DOUBLE = 5
    STRING = 6
    BYTES = 7
    ENUM = 8
    FIXED = 9


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing that a value may be; `symbols` of an enum, `size` of a fixed."""

    wire: Wire
    symbols: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Spec:
    """What a value may be: one branch, or (`tagged`) the branches of a union."""

    branches: tuple[Branch, ...]
    tagged: bool

    @property
    def has_reals(self) -> bool:
        """Whether a cell can hold a number with a fraction."""
        return any(b.wire in (Wire.FLOAT, Wire.DOUBLE) for b in self.branches)

    @property
    def has_integers(self) -> bool:
        """Whether a cell can hold a whole number or a boolean."""
        return any(b.wire in (Wire.INT, Wire.LONG, Wire.BOOLEAN) for b in self.branches)

    @property
    def has_text(self) -> bool:
        """Whether a cell can hold text or bytes."""
        return any(b.wire >= Wire.STRING for b in self.branches)

    @property
    def zero_width(self) -> bool:
        """Whether a value can take no byte at all."""
        return not self.tagged and all(b.wire is Wire.NULL or (b.wire is Wire.FIXED and b.size == 0) for b in self.branches)


class Shape(Enum):
    """What a field is."""

    VALUE = "value"
    MAP = "map"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf of the record, in the order of the wire.

    `null_branch` and `branches` are those of the union around a nullable map or array (None and 0 without one).
    """

    path: str
    shape: Shape
    spec: Spec
    null_branch: int | None = None
    branches: int = 0


_NAMED = {wire.name.lower(): wire for wire in Wire if wire < Wire.ENUM}


def _kind(schema: Any) -> Any:
    return schema.get("type") if isinstance(schema, Mapping) else schema


def _branch(schema: Any, path: str) -> Branch:
    kind = _kind(schema)
    if isinstance(kind, Mapping | list):
        raise UnsupportedSchema(f"{path}: a type inside a type")
    if kind in _NAMED:
        return Branch(_NAMED[kind])
    if kind == "enum":
        return Branch(Wire.ENUM, symbols=tuple(schema["symbols"]))
    if kind == "fixed":
        return Branch(Wire.FIXED, size=int(schema["size"]))
    raise UnsupportedSchema(f"{path}: {kind} is not taken here; {UnsupportedSchema.__doc__}")


def _spec(schema: Any, path: str) -> Spec:
    if isinstance(schema, list):
        if not schema:
            raise UnsupportedSchema(f"{path}: an empty union")
        return Spec(tuple(_branch(branch, path) for branch in schema), tagged=True)
    return Spec((_branch(schema, path),), tagged=False)


def _container(schema: Mapping[str, Any], path: str, null_branch: int | None = None, branches: int = 0) -> Field:
    if schema["type"] == "map":
        return Field(path, Shape.MAP, _spec(schema["values"], path), null_branch, branches)
    spec = _spec(schema["items"], path)
    if spec.zero_width:
        raise UnsupportedSchema(f"{path}: an array of items without bytes can claim any length")
    return Field(path, Shape.ARRAY, spec, null_branch, branches)


def _field(schema: Any, path: str) -> Iterator[Field]:
    if isinstance(schema, Mapping) and isinstance(schema["type"], Mapping | list):
        schema = schema["type"]  # {"type": {"type": ...}} is the same as the inner one
    if _kind(schema) == "record":
        for inner in schema["fields"]:
            yield from _field(inner["type"], f"{path}.{inner['name']}" if path else inner["name"])
        return
    if _kind(schema) in ("map", "array"):
        yield _container(schema, path)
        return
    containers = [b for b in schema if _kind(b) in ("map", "array")] if isinstance(schema, list) else []
    if not containers:
        yield Field(path, Shape.VALUE, _spec(schema, path))
    elif len(containers) == 1 and all(_kind(b) == "null" for b in schema if b is not containers[0]) and len(schema) <= 2:
        null_branch = next((i for i, b in enumerate(schema) if _kind(b) == "null"), None)
        yield _container(containers[0], path, null_branch, len(schema))
    else:
        raise UnsupportedSchema(f"{path}: a union of a map or array with more than null")


def plan(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The leaves of a record schema in the order of the wire. Raises `UnsupportedSchema`."""
    try:
        expanded = expand_schema(dict(schema))
    except (SchemaParseException, KeyError, TypeError, ValueError) as error:
        raise UnsupportedSchema(f"not an Avro schema: {error}") from error
    if _kind(expanded) != "record" or not isinstance(expanded, Mapping):
        raise UnsupportedSchema("the schema of a message is a record")
    fields = tuple(_field(expanded, ""))
    if len({field.path for field in fields}) != len(fields):
        raise UnsupportedSchema("two fields have the same path")
    return fields
