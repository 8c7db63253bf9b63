"""The leaves of a page of rows, written anew from columns and trails into one piece of memory. Needs numba.

What `leaf.encode` does for one entry. The texts of a leaf arrive as JSON already, cut into four parts (see `parts`); the
kernel writes hashes and numbers between them and moves the trails on.
"""

# ruff: noqa: PLR0913, PLR0915, PLR0917 - a kernel takes its arrays one by one, and a leaf is written from left to right

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray
from orjson import dumps

from driftline.avro.jit import compiled
from driftline.ledger.rows import SourceName

__all__ = ["LONGEST", "MARK", "WORDS", "WORDS_AT", "parts", "write_leaves"]

_Bytes = NDArray[np.uint8]
_Numbers = NDArray[np.int64]

MARK: Final = b"\x00"
"""Stands before each leaf: what it is hashed with, and a byte that no JSON has."""

_WORDS: Final = (
    b'","aseq":', b',"data_hash":"', b'","details_hash":', b',"event_ts":', b',"id":"', b'","rseq":', b',"seq":',
    b',"ts":', b',"v":1}', b"null",
)  # fmt: skip
_ASEQ, _DATA, _DETAILS, _EVENT, _ID, _RSEQ, _SEQ, _TS, _END, _NULL = range(len(_WORDS))
WORDS: Final = np.frombuffer(b"".join(_WORDS), np.uint8)
WORDS_AT: Final = np.array([0, *accumulate(map(len, _WORDS))], np.int64)
LONGEST: Final = len(WORDS) + 5 * 64 + 32 + 7 * 20 + 8
"""Bytes of a leaf at most, besides its texts."""


def parts(log: str, action: str, actor: str, resource: tuple[str, str], source: SourceName | None) -> list[bytes]:
    """Return the texts of a leaf: up to aprev, from the id to prev, up to rprev, and src up to its offsets."""
    return [
        MARK + b'{"action":' + dumps(action) + b',"actor":' + dumps(actor) + b',"aprev":"',
        b'","log":' + dumps(log) + b',"prev":"',
        b'","resource":' + dumps(resource) + b',"rprev":"',
        b',"src":' + (b"null" if source is None else dumps(tuple(source))[:-1] + b","),
    ]


_GIVEN = types.Array(types.uint8, 1, "C", readonly=True)
_GIVEN_NUMBERS = types.Array(types.int64, 1, "C", readonly=True)
_OUT = types.Array(types.uint8, 1, "C")
_LIST = types.Array(types.int64, 1, "C")
_TABLE = types.Array(types.int64, 2, "C")
_FLAGS = types.Array(types.boolean, 1, "C")


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _copy(_typing: Any, out: Any, at: Any, text: Any, start: Any, count: Any) -> Any:  # noqa: ARG001
    """Copy bytes, neither array asked whether it has them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _address(context, builder, signature, arguments, 0)
        source = _address(context, builder, signature, arguments, 2)
        cgutils.raw_memcpy(builder, target, source, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, text, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _digits(_typing: Any, out: Any, at: Any, raw: Any, start: Any) -> Any:  # noqa: ARG001
    """Write four bytes as eight hexadecimal digits, all in one word (little-endian machines)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        source = builder.bitcast(_address(context, builder, signature, arguments, 2), ir.IntType(32).as_pointer())
        loaded = builder.load(source)
        loaded.align = 1
        x = builder.zext(loaded, word)
        for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF)):  # every byte into a field of two
            x = builder.and_(builder.or_(x, builder.shl(x, word(shift))), word(mask))
        low = word(0x000F000F000F000F)
        x = builder.or_(builder.and_(builder.lshr(x, word(4)), low), builder.shl(builder.and_(x, low), word(8)))
        letters = builder.and_(builder.lshr(builder.add(x, word(0x0606060606060606)), word(4)), word(0x0101010101010101))
        x = builder.add(builder.add(x, word(0x3030303030303030)), builder.mul(letters, word(ord("a") - ord("0") - 10)))
        target = builder.bitcast(_address(context, builder, signature, arguments, 0), word.as_pointer())
        builder.store(x, target).align = 1
        return context.get_dummy_value()

    return types.void(out, types.int64, raw, types.int64), generate


def _address(context: Any, builder: Any, signature: Any, arguments: Any, number: int) -> Any:
    """Return where an array's element is; array and index are arguments `number` and the one after."""
    view = context.make_array(signature.args[number])(context, builder, arguments[number])
    return builder.gep(builder.bitcast(view.data, cgutils.voidptr_t), [arguments[number + 1]])


@compiled(types.int64(_OUT, types.int64, _GIVEN, types.int64, types.int64), inline=True)
def _put(out: _Bytes, at: int, text: _Bytes, start: int, end: int) -> int:
    _copy(out, at, text, start, end - start)
    return at + end - start


@compiled(types.int64(_OUT, types.int64, _GIVEN, types.int64, types.int64), inline=True)
def _hex(out: _Bytes, at: int, raw: _Bytes, start: int, count: int) -> int:
    for i in range(0, count, 4):
        _digits(out, at + 2 * i, raw, start + i)
    return at + 2 * count


@compiled(types.int64(_OUT, types.int64, types.int64), inline=True)
def _decimal(out: _Bytes, at: int, value: int) -> int:
    rest = np.uint64(value)
    if value < 0:
        out[at] = 45
        at += 1
        rest = np.uint64(-(value + 1)) + np.uint64(1)
    digits, reach = 1, np.uint64(10)
    while digits < 19 and rest >= reach:
        digits += 1
        reach *= np.uint64(10)
    for i in range(digits - 1, -1, -1):
        tens = rest // np.uint64(10)
        out[at + i] = np.uint8(48) + np.uint8(rest - tens * np.uint64(10))
        rest = tens
    return at + digits


@compiled(
    types.int64(
        _GIVEN, _GIVEN_NUMBERS, _OUT, _TABLE, _LIST, _TABLE, _FLAGS, _GIVEN, _GIVEN, _GIVEN, _FLAGS, _GIVEN,
        _TABLE, _OUT, _TABLE, _OUT, _OUT, _LIST,
    )
)  # fmt: skip
def write_leaves(
    words: _Bytes,
    words_at: _Numbers,
    texts: _Bytes,
    kinds: _Numbers,
    kind_of: _Numbers,
    numbers: _Numbers,
    eventless: Any,
    ids: _Bytes,
    chain: _Bytes,
    data_hashes: _Bytes,
    detailless: Any,
    details_hashes: _Bytes,
    actors: _Numbers,
    actor_hashes: _Bytes,
    resources: _Numbers,
    resource_hashes: _Bytes,
    out: _Bytes,
    ends: _Numbers,
) -> int:
    """Write the leaf of every row, each behind a mark, and move the trails on; returns how many bytes.

    `kinds`: rows of (actor, resource, has a source, where the four parts begin in `texts`, where they end).
    `numbers`: columns of (seq, ts, event_ts, start, end), and others behind them. `chain`: the hash before the first row, then that of each row.
    `actors`, `resources`: rows of (entries, first sequence), their last hashes apart. `details_hashes`: of rows that have one.
    """
    at, detailed = 0, 0
    for row in range(len(kind_of)):
        kind = kinds[kind_of[row]]
        actor, resource = kind[0], kind[1]
        at = _put(out, at, texts, kind[3], kind[4])
        at = _hex(out, at, actor_hashes, 32 * actor, 32)
        at = _put(out, at, words, words_at[_ASEQ], words_at[_ASEQ + 1])
        at = _decimal(out, at, actors[actor, 0])
        at = _put(out, at, words, words_at[_DATA], words_at[_DATA + 1])
        at = _hex(out, at, data_hashes, 32 * row, 32)
        at = _put(out, at, words, words_at[_DETAILS], words_at[_DETAILS + 1])
        if detailless[row]:
            at = _put(out, at, words, words_at[_NULL], words_at[_NULL + 1])
        else:
            out[at] = 34
            at = _hex(out, at + 1, details_hashes, 32 * detailed, 32)
            out[at] = 34
            at += 1
            detailed += 1
        at = _put(out, at, words, words_at[_EVENT], words_at[_EVENT + 1])
        if eventless[row]:
            at = _put(out, at, words, words_at[_NULL], words_at[_NULL + 1])
        else:
            at = _decimal(out, at, numbers[2, row])
        at = _put(out, at, words, words_at[_ID], words_at[_ID + 1])
        at = _hex(out, at, ids, 16 * row, 16)
        at = _put(out, at, texts, kind[4], kind[5])
        at = _hex(out, at, chain, 32 * row, 32)
        at = _put(out, at, texts, kind[5], kind[6])
        at = _hex(out, at, resource_hashes, 32 * resource, 32)
        at = _put(out, at, words, words_at[_RSEQ], words_at[_RSEQ + 1])
        at = _decimal(out, at, resources[resource, 0])
        at = _put(out, at, words, words_at[_SEQ], words_at[_SEQ + 1])
        at = _decimal(out, at, numbers[0, row])
        at = _put(out, at, texts, kind[6], kind[7])
        if kind[2] != 0:
            at = _decimal(out, at, numbers[3, row])
            out[at] = 44
            at = _decimal(out, at + 1, numbers[4, row])
            out[at] = 93
            at += 1
        at = _put(out, at, words, words_at[_TS], words_at[_TS + 1])
        at = _decimal(out, at, numbers[1, row])
        at = _put(out, at, words, words_at[_END], words_at[_END + 1])
        ends[row] = at
        if actors[actor, 0] == 0:
            actors[actor, 1] = numbers[0, row]
        actors[actor, 0] += 1
        resources[resource, 0] += 1
        _copy(actor_hashes, 32 * actor, chain, 32 * (row + 1), 32)
        _copy(resource_hashes, 32 * resource, chain, 32 * (row + 1), 32)
    return at
