"""Bytes to event and back: Avro single-object encoding, C3 01 + fingerprint + body (Avro 1.12, "Single-object encoding").

The fingerprint names the writer's schema; an event is read with the schema it was written with and resolved to ours, so that
additive changes need no coordination.
"""

import io
import json
import struct
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import Any

import fastavro
from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from driftline import events
from driftline.errors import InvalidRecord, Reason, UnknownSchema
from driftline.schemas import avro_schema, retired_schemas

MAGIC = b"\xc3\x01"
HEADER_BYTES = 10
CONTENT_TYPE = "application/avro"

_Convert = Callable[[Any], Any]
Keep = Mapping[str, Callable[[Mapping[str, Any]], bool]]
"""By field of an event which items of its list are wanted."""


def fingerprint(schema: Mapping[str, Any]) -> int:
    """CRC-64-AVRO of the parsing canonical form, as the unsigned number that the header carries little-endian."""
    return int.from_bytes(
        bytes.fromhex(avro_fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO")),
        "little",
    )


def header(schema: Mapping[str, Any]) -> bytes:
    """The ten bytes that precede a body written with this schema."""
    return MAGIC + struct.pack("<Q", fingerprint(schema))


def split(data: bytes) -> tuple[int, bytes]:
    """Fingerprint and body of a single-object message; raises InvalidRecord (malformed_avro) for anything else."""
    if len(data) < HEADER_BYTES or data[:2] != MAGIC:
        detail = "the value is not Avro in single-object encoding (it must begin with C3 01 and the schema's fingerprint)"
        raise InvalidRecord(Reason.MALFORMED_AVRO, detail)
    return struct.unpack_from("<Q", data, 2)[0], data[HEADER_BYTES:]


EVENT_NAMES = tuple(
    name for name in events.__all__ if not issubclass(getattr(events, name), StrEnum) and name not in events.NESTED
)


@cache
def _parsed(event: str) -> Any:
    return fastavro.parse_schema(dict(avro_schema(event)))


@cache
def _header(event: str) -> bytes:
    return header(avro_schema(event))


def encode(event: Any) -> bytes:
    """One event (a value of `driftline.events`) in single-object encoding."""
    name = type(event).__name__
    out = io.BytesIO()
    out.write(_header(name))
    fastavro.schemaless_writer(out, _parsed(name), _to_plain(event))
    return out.getvalue()


class Schemas:
    """Writer schemas by fingerprint: every one that Driftline ever shipped, and those learnt from the topic `schemas`."""

    def __init__(self) -> None:
        self._by_fingerprint = dict(_ever_shipped())
        self._leading: dict[tuple[int, str], Any] = {}

    def add(self, schema: Mapping[str, Any]) -> int:
        """Learn a writer schema; returns its fingerprint."""
        number = fingerprint(schema)
        self._by_fingerprint[number] = dict(schema)
        return number

    def get(self, number: int) -> dict[str, Any] | None:
        """Writer schema of a fingerprint, as JSON values; None if it is not known."""
        return self._by_fingerprint.get(number)

    def decode(self, data: bytes, keep: Keep | None = None) -> Any:
        """The event in a message. Raises InvalidRecord (malformed_avro, unexpected_event) or UnknownSchema.

        `keep` says by field which items of a list are wanted, asked with Avro's plain values; the others are left out and never built.
        """
        _, body, schema = self._open(data)
        name = schema["name"]
        return _read(name, body, None if schema == avro_schema(name) else json.dumps(schema), keep or {})

    def leading(self, data: bytes, last: str) -> dict[str, Any]:
        """The fields of an event up to and with `last`, as plain values, empty where it has no such field; raises as `decode`.

        The fields of a record stand one after the other, so that nothing behind them is looked at.
        """
        number, body, schema = self._open(data)
        place = (number, last)
        if place not in self._leading:
            self._leading[place] = _up_to(schema, last)
        reader = self._leading[place]
        return {} if reader is None else _plain(schema["name"], io.BytesIO(body), reader, None)

    def _open(self, data: bytes) -> tuple[int, bytes, dict[str, Any]]:
        """Fingerprint, body and writer schema of a message."""
        number, body = split(data)
        schema = self._by_fingerprint.get(number)
        if schema is None:
            message = f"no writer schema with fingerprint {number:016x} is known; publish it on the topic schemas, then replay"
            raise UnknownSchema(message)
        name = schema["name"]
        if name not in EVENT_NAMES:
            raise InvalidRecord(Reason.UNEXPECTED_EVENT, f"a record {name!r} is no event of Driftline")
        return number, body, schema


def decode(data: bytes, keep: Keep | None = None) -> Any:
    """The event in a message written with a schema that Driftline ships; see `Schemas.decode`."""
    return _shipped().decode(data, keep)


def leading(data: bytes, last: str) -> dict[str, Any]:
    """The first fields of an event written with a schema that Driftline ships; see `Schemas.leading`."""
    return _shipped().leading(data, last)


@cache
def _ever_shipped() -> Mapping[int, dict[str, Any]]:
    """Fingerprints cost a millisecond each: they are taken once."""
    return {fingerprint(schema): dict(schema) for schema in (*map(avro_schema, EVENT_NAMES), *retired_schemas())}


@cache
def _shipped() -> Schemas:
    return Schemas()


@cache
def _parsed_writer(schema: str) -> Any:
    return fastavro.parse_schema(json.loads(schema))


def _up_to(schema: Mapping[str, Any], last: str) -> Any:
    names = [field["name"] for field in schema["fields"]]
    if last not in names:
        return None
    return fastavro.parse_schema({**schema, "fields": schema["fields"][: names.index(last) + 1]})


def _plain(name: str, stream: io.BytesIO, writer: Any, reader: Any) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = fastavro.schemaless_reader(stream, writer, reader)
    except (
        ValueError,
        IndexError,
        EOFError,
        KeyError,
        OverflowError,
        MemoryError,
        struct.error,
        TypeError,
    ) as error:
        raise InvalidRecord(Reason.MALFORMED_AVRO, f"the body is no {name}: {error}") from error
    return plain


def _read(name: str, body: bytes, writer: str | None, keep: Keep) -> Any:
    stream = io.BytesIO(body)
    written, reader = (_parsed(name), None) if writer is None else (_parsed_writer(writer), _parsed(name))
    plain = _plain(name, stream, written, reader)
    if stream.tell() != len(body):
        raise InvalidRecord(
            Reason.MALFORMED_AVRO,
            f"{len(body) - stream.tell()} bytes follow the {name}",
        )
    for field, wanted in keep.items():
        plain[field] = [item for item in plain[field] if wanted(item)]
    return _builder(getattr(events, name))(plain)


def _to_plain(value: Any) -> Any:
    return {field: _plain_value(getattr(value, field)) for field in value.__slots__}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    if hasattr(value, "__slots__") and type(value).__module__.startswith("driftline.events"):
        return str(value) if isinstance(value, StrEnum) else _to_plain(value)
    return value


@cache
def _builder(record: Any) -> _Convert:
    """A function from Avro's plain values to `record`, converting only the fields that need it."""
    hints = typing.get_type_hints(record)
    converters = {field.name: convert for field in fields(record) if (convert := _converter(hints[field.name]))}

    def build(plain: dict[str, Any]) -> Any:
        for name, convert in converters.items():
            plain[name] = convert(plain[name])
        return record(**plain)

    return build


def _converter(hint: Any) -> _Convert | None:
    """How Avro's plain value becomes a value of this type; None = it already is one."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        convert = _converter(typing.get_args(hint)[0])
        return tuple if convert is None else lambda values: tuple(map(convert, values))
    if origin in (typing.Union, types.UnionType, Mapping) or not isinstance(hint, type):
        return None
    if issubclass(hint, StrEnum):
        return hint
    return _builder(getattr(events, hint.__name__)) if hint.__name__ in events.NESTED else None
