"""Columns as bytes: what the memory of the label join looks like outside of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Malformed", "pack", "unpack"]

_LENGTH = struct.Struct("<I")
_ALIGNED = 8


class Malformed(ValueError):
    """Bytes that `pack` did not write, or that another version wrote."""


def pack(said: Any, columns: Sequence[NDArray[Any]]) -> bytes:
    """Return what is said, as JSON, and arrays of numbers, in one piece of bytes."""
    head = json.dumps([said, [[column.dtype.str, column.shape] for column in columns]], separators=(",", ":")).encode()
    parts = [_LENGTH.pack(len(head)), head]
    size = sum(map(len, parts))
    for column in columns:
        gap = -size % _ALIGNED
        data = np.ascontiguousarray(column).tobytes()
        parts += [b"\0" * gap, data]
        size += gap + len(data)
    return b"".join(parts)


def unpack(data: bytes) -> tuple[Any, list[NDArray[Any]]]:
    """Return what `pack` was given; the arrays are views, not to be written. Raises Malformed."""
    try:
        end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        said, forms = json.loads(data[_LENGTH.size : end])
        columns: list[NDArray[Any]] = []
        for dtype, shape in forms:
            begin = end + -end % _ALIGNED
            count = int(np.prod(shape))
            columns.append(np.frombuffer(data, dtype, count, begin).reshape(shape))
            end = begin + columns[-1].nbytes
    except (struct.error, ValueError, TypeError) as error:
        raise Malformed(str(error)) from error
    return said, columns
