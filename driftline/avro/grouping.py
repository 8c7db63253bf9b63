"""A poll batch, split by writer schema and decoded: single-object encoding, C3 01 + fingerprint + body (Avro 1.12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from driftline.avro.columns import Columns, Integers, RowError
from driftline.avro.program import Program, compile_schema
from driftline.avro.schema import UnsupportedSchema
from driftline.errors import InvalidRecord, Reason

_MAGIC = b"\xc3\x01"
_HEADER_BYTES = 10
_DETAILS = {
    RowError.TRUNCATED: "the message ends inside a value",
    RowError.TRAILING_BYTES: "bytes follow the end of the record",
    RowError.INVALID_UTF8: "a string is not valid UTF-8",
    RowError.INVALID_UNION_BRANCH: "a union names a branch that it does not have",
    RowError.INVALID_VARINT: "a number takes more than 64 bits",
    RowError.NEGATIVE_LENGTH: "a length is negative",
    RowError.INVALID_BOOLEAN: "a boolean is neither 0 nor 1",
    RowError.INVALID_ENUM: "an enum names a symbol that it does not have",
    RowError.INTEGER_OUT_OF_RANGE: "an int takes more than 32 bits",
    RowError.FALLBACK_REFUSED: "the reference decoder refuses it",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The messages of one writer schema: row i of `columns` is message `rows[i]` of the batch.

    `columns.ok` tells which of them were accepted; the others are among the refused of the batch too.
    """

    schema: Mapping[str, Any]
    rows: Integers
    columns: Columns


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message of the batch that cannot be read, for the dead letters."""

    row: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """Every message of a batch is an accepted row of exactly one group, or refused."""

    groups: tuple[Group, ...]
    refused: tuple[RefusedMessage, ...]


class BatchDecoder:
    """Decodes batches of mixed writer schemas; keeps a compiled program for each fingerprint.

    `schema_of` maps a fingerprint to the writer's schema, None while it is not known (asked again each time).
    """

    def __init__(self, schema_of: Callable[[int], Mapping[str, Any] | None]) -> None:
        self._schema_of = schema_of
        self._known: dict[bytes, tuple[Mapping[str, Any], Program]] = {}

    def decode(self, values: Sequence[bytes | None]) -> DecodedBatch:
        """Decode message values. Never raises for what is in them."""
        groups: list[Group] = []
        refused: list[RefusedMessage] = []
        for header, rows in _by_header(values).items():
            try:
                schema, program = self._program(header)
            except InvalidRecord as error:
                refused += [RefusedMessage(row, error.reason, error.detail) for row in rows.tolist()]
                continue
            bodies = [
                value
                for value in (values if len(rows) == len(values) else map(values.__getitem__, rows.tolist()))
                if value is not None
            ]
            group = Group(schema, rows, program.decode(bodies, skip=_HEADER_BYTES))
            groups.append(group)
            refused += _malformed(group)
        return DecodedBatch(tuple(groups), tuple(sorted(refused, key=lambda message: message.row)))

    def _program(self, header: bytes) -> tuple[Mapping[str, Any], Program]:
        if header in self._known:
            return self._known[header]
        if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
            raise InvalidRecord(
                Reason.MALFORMED_AVRO,
                "the value is not Avro in single-object encoding (it must begin with C3 01 and the schema's fingerprint)",
            )
        number = int.from_bytes(header[len(_MAGIC) :], "little")
        schema = self._schema_of(number)
        if schema is None:
            raise InvalidRecord(
                Reason.UNKNOWN_SCHEMA,
                f"no writer schema with fingerprint {number:016x} is known; publish it on the topic schemas, then replay",
            )
        try:
            self._known[header] = schema, compile_schema(schema)
        except UnsupportedSchema as error:
            raise InvalidRecord(Reason.UNKNOWN_SCHEMA, f"the writer schema {number:016x} cannot be used: {error}") from error
        return self._known[header]


def _by_header(values: Sequence[bytes | None]) -> dict[bytes, Integers]:
    """The rows of each header, in the order of first appearance. One header for all is the common case, and fast."""
    first = values[0][:_HEADER_BYTES] if values and values[0] is not None else b""
    if len(first) == _HEADER_BYTES and None not in values and all(map(bytes.startswith, values, repeat(first))):  # type: ignore[arg-type]  # no None in it
        return {first: np.arange(len(values))}
    rows: dict[bytes, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault(value[:_HEADER_BYTES] if value is not None else b"", []).append(row)
    return {header: np.array(found, np.int64) for header, found in rows.items()}


def _malformed(group: Group) -> Iterator[RefusedMessage]:
    errors = group.columns.error
    for row in np.flatnonzero(errors).tolist():
        yield RefusedMessage(int(group.rows[row]), Reason.MALFORMED_AVRO, _DETAILS[RowError(int(errors[row]))])
