"""A compiled schema, and its run over a batch of message bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftline.avro.columns import Columns


class Program:
    """What `compile_schema` makes: decodes batches written with one schema. Not for several threads at once.

    It remembers the map keys that it has met, so that the next batch needs no discovery; what is decoded
    never depends on that memory.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def decode(self, bodies: Sequence[bytes], *, skip: int = 0) -> Columns:
        """Decode message bodies into columns; the first `skip` bytes of each are a header of the caller's.

        Never raises for what is in a body: a malformed one is refused with its `RowError`. A body is refused
        when it ends early or late, holds invalid UTF-8, a negative or unknown union branch, a varint of more
        than 64 bits, an int of more than 32, a boolean that is neither 0 nor 1, or an unknown enum symbol.
        """
        raise NotImplementedError


def compile_schema(schema: Mapping[str, Any]) -> Program:
    """Compile an Avro record schema (parsed JSON). Raises `UnsupportedSchema`. Keep the result: it costs milliseconds."""
    return Program(schema)
