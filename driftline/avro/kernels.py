"""The decoder: one numba kernel that runs a compiled schema over all rows of a batch.

A *program* is a table of steps, one per field; a *spec* is what a value may be (one kind, or the branches of a union);
a *slot* is a row of a cell table. Positions are bytes into the joined buffer; every read is checked against the end of
its own message. A helper returns the position after what it read, or the negative `RowError`.

Words are loaded eight bytes at a time from any address (little-endian machines): the buffer ends with `PADDING` bytes,
so a word that begins inside a message may reach beyond its end; what lies beyond is masked away, never used.
"""

# One file, and long: numba's cache looks for changes only in the file of the kernel itself.
# Many arguments and returns: what is passed in an array or raised elsewhere is passed and returned here.
# ruff: noqa: C901, PLR0911, PLR0912, PLR0913, PLR0917

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from driftline.avro.columns import Hashes, Integers, Kind, RowError
from driftline.avro.jit import compiled

PADDING = 8
NEED_ROOM = -100  # not a RowError: an item table is full, grow it and go on with this row

# Wire types of a spec's branch.
W_NULL, W_BOOLEAN, W_INT, W_LONG, W_FLOAT, W_DOUBLE, W_STRING, W_BYTES, W_ENUM, W_FIXED = range(10)
# Steps.
S_VALUE, S_MAP, S_ARRAY, S_DOUBLE = range(4)

_NULL, _INTEGER, _REAL, _TEXT, _BYTES = (int(k) for k in (Kind.NULL, Kind.INTEGER, Kind.REAL, Kind.TEXT, Kind.BYTES))
_BOOLEAN, _PRESENT = int(Kind.BOOLEAN), int(Kind.PRESENT)
_TRUNCATED, _TRAILING, _UTF8 = -int(RowError.TRUNCATED), -int(RowError.TRAILING_BYTES), -int(RowError.INVALID_UTF8)
_BRANCH, _VARINT, _LENGTH = (
    -int(RowError.INVALID_UNION_BRANCH),
    -int(RowError.INVALID_VARINT),
    -int(RowError.NEGATIVE_LENGTH),
)
_BAD_BOOLEAN, _BAD_ENUM, _RANGE = (
    -int(RowError.INVALID_BOOLEAN),
    -int(RowError.INVALID_ENUM),
    -int(RowError.INTEGER_OUT_OF_RANGE),
)

# splitmix64's multipliers (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HIGH_BITS = np.uint64(0x8080808080808080)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_U = np.uint64  # an unsigned index needs no look whether it counts from the end
_U31, _U30, _U27 = np.uint64(31), np.uint64(30), np.uint64(27)
_U0, _U1, _U8, _U7F = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(0x7F)


Int: TypeAlias = Any  # an int64 or uint64 inside a kernel
Pair: TypeAlias = tuple[Any, Any]
Slots: TypeAlias = tuple[Any, Any, Any, Any]
Bytes: TypeAlias = NDArray[np.uint8]


class Cells(NamedTuple):
    """Tables of cells, indexed [slot, row]; a table that no slot uses has one empty row."""

    kind: Any  # int8
    real: Any  # float64
    whole: Any  # int64
    start: Any  # int64
    length: Any  # int64
    hash: Any  # uint64


class Tables(NamedTuple):
    """A program: see `program.py`, which builds it."""

    steps: Any  # int64[step, 8]: what, spec, null branch or -1, branches or 0, kind, real, whole, text slot
    containers: Any  # int64[step, 5]: kind, real, whole, text slot of the first key, index of the array
    tagged: Any  # int64[spec]: number of branches of a union, 0 for a plain value
    wire: Any  # int64[spec, branch]
    parameter: Any  # int64[spec, branch]: first text of an enum, size of a fixed
    texts: Any  # int64[text, 2]: start in the buffer and length of each symbol and known key
    symbol_count: Any  # int64[spec, branch]
    text_hash: Any  # uint64[text]
    key_range: Any  # int64[step, 2]: the first text that is a key of this map, and the one after the last


class Batch(NamedTuple):
    """The joined messages, and what is written besides cells."""

    buffer: Any  # uint8
    begin: Any  # int64[n]
    end: Any  # int64[n]
    error: Any  # int8[n]
    odd: Any  # int8[n]: 1 where a map has a key that the program does not know
    filled: Any  # int64[array]
    offsets: Any  # int64[array, n + 1]


_BUFFER = types.Array(types.uint8, 1, "C", readonly=True)
_I64_1, _I64_2 = types.int64[::1], types.int64[:, ::1]
_CELLS = types.NamedTuple([types.int8[:, ::1], types.float64[:, ::1], _I64_2, _I64_2, _I64_2, types.uint64[:, ::1]], Cells)
_TABLES = types.NamedTuple(
    [_I64_2, _I64_2, _I64_1, _I64_2, _I64_2, _I64_2, _I64_2, types.uint64[::1], _I64_2],
    Tables,
)
_BATCH = types.NamedTuple([_BUFFER, _I64_1, _I64_1, types.int8[::1], types.int8[::1], _I64_1, _I64_2], Batch)


def _loader(result: types.Type) -> Any:
    """An intrinsic that loads a value from any byte address of an array: the caller has checked that it is inside."""

    @intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
    def load(typing_context: Any, array: Any, position: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            address = builder.gep(builder.bitcast(view.data, cgutils.voidptr_t), [arguments[1]])
            wanted = context.get_value_type(result)
            loaded = builder.load(builder.bitcast(address, ir.PointerType(wanted)))
            loaded.align = 1
            return loaded

        return result(array, types.int64), generate

    return load


_load_word = _loader(types.uint64)
_load_double = _loader(types.float64)
_load_float = _loader(types.float32)


@compiled(types.UniTuple(types.int64, 2)(_BUFFER, types.int64, types.int64), inline=True)
def _read_long(buffer: Bytes, position: Int, end: Int) -> Pair:
    """A zigzag varint: (value, next position or error). At most 10 bytes and 64 bits."""
    if position >= end:
        return np.int64(0), np.int64(_TRUNCATED)
    byte = np.uint64(buffer[_U(position)])
    position += 1
    bits = byte & _U7F
    shift = np.uint64(7)
    while byte > _U7F:
        if position >= end:
            return np.int64(0), np.int64(_TRUNCATED)
        byte = np.uint64(buffer[_U(position)])
        position += 1
        if shift == np.uint64(63) and byte > _U1:
            return np.int64(0), np.int64(_VARINT)
        bits |= (byte & _U7F) << shift
        shift += np.uint64(7)
    return np.int64(bits >> _U1) ^ -np.int64(bits & _U1), position


@compiled(types.uint64(types.uint64, types.uint64), inline=True)
def _mix(state: Int, word: Int) -> Int:
    state = (state ^ word) * _MIX_1
    return state ^ (state >> _U31)


@compiled(types.boolean(_BUFFER, types.int64, types.int64))
def _valid_utf8(buffer: Bytes, position: Int, end: Int) -> bool:
    """RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF (Unicode 15, table 3-7)."""
    while position < end:
        lead = buffer[_U(position)]
        position += 1
        if lead < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if position + more > end or not low <= buffer[_U(position)] <= high:
            return False
        for next_byte in range(position + 1, position + more):
            if not 0x80 <= buffer[_U(next_byte)] <= 0xBF:
                return False
        position += more
    return True


@compiled(types.Tuple((types.uint64, types.boolean))(_BUFFER, types.int64, types.int64), inline=True)
def _hash(buffer: Bytes, position: Int, length: Int) -> Pair:
    """(64-bit hash of the bytes, whether they are all ASCII). Not keyed: for grouping, not against attackers."""
    state = _GOLDEN ^ np.uint64(length)
    seen = _U0
    stop = position + length
    while position + 8 < stop:  # the last word may be a whole one: 7 and 8 bytes take the same way
        word = _load_word(buffer, position)
        seen |= word
        state = _mix(state, word)
        position += 8
    if position < stop:
        word = _load_word(buffer, position) & (_ALL >> (_U8 * np.uint64(8 - (stop - position))))
        seen |= word
        state = _mix(state, word)
    state *= _MIX_2
    return state ^ (state >> _U31), (seen & _HIGH_BITS) == _U0


@compiled(types.void(_BUFFER, _I64_1, _I64_1, types.uint64[::1]))
def hash_pieces(buffer: Bytes, begin: Integers, end: Integers, hashes: Hashes) -> None:
    """The hash of each piece `buffer[begin[i]:end[i]]`; the buffer ends with `PADDING` bytes."""
    for i in range(len(hashes)):
        hashes[i] = _hash(buffer, begin[i], end[i] - begin[i])[0]


@compiled(types.boolean(_BUFFER, types.int64, types.int64, types.int64), inline=True)
def _same(buffer: Bytes, a: Int, b: Int, length: Int) -> Int:
    offset = np.int64(0)
    while offset + 8 <= length:
        if _load_word(buffer, a + offset) != _load_word(buffer, b + offset):
            return False
        offset += 8
    if offset < length:
        mask = _ALL >> (_U8 * np.uint64(8 - (length - offset)))
        return ((_load_word(buffer, a + offset) ^ _load_word(buffer, b + offset)) & mask) == _U0
    return True


@compiled(types.boolean(_BUFFER, _I64_1, _I64_1, types.int64))
def same_start(buffer: Bytes, begin: Integers, end: Integers, length: Int) -> bool:
    """Whether all pieces have at least `length` bytes and begin with the same ones."""
    for i in range(len(begin)):  # noqa: SIM110 - a kernel has no generators
        if end[i] - begin[i] < length or not _same(buffer, begin[0], begin[i], length):
            return False
    return True


@compiled(types.UniTuple(types.int64, 2)(_BUFFER, types.int64, types.int64), inline=True)
def _read_length(buffer: Bytes, position: Int, end: Int) -> Pair:
    """The length prefix of bytes or a string: (length, position of the first byte or error)."""
    length, position = _read_long(buffer, position, end)
    if position < 0:
        return length, position
    if length < 0:
        return length, np.int64(_LENGTH)
    if length > end - position:
        return length, np.int64(_TRUNCATED)
    return length, position


_SLOTS = types.UniTuple(types.int64, 4)  # kind, real, whole, text


@compiled(
    types.int64(_BUFFER, types.int64, types.int64, _TABLES, types.int64, types.int64, _SLOTS, _CELLS, types.int64),
    inline=True,
)
def _read_rare(
    buffer: Bytes,
    position: Int,
    end: Int,
    tables: Tables,
    spec: Int,
    branch: Int,
    slots: Slots,
    cells: Cells,
    column: Int,
) -> Int:
    """The kinds that a prediction seldom has: float, boolean, enum, fixed."""
    kind_at, real_at, whole_at, text_at = slots
    wire = tables.wire[_U(spec), _U(branch)]
    parameter = tables.parameter[_U(spec), _U(branch)]
    if wire == W_FLOAT:
        if end - position < 4:
            return np.int64(_TRUNCATED)
        cells.real[_U(real_at), _U(column)] = np.float64(_load_float(buffer, position))
        cells.kind[_U(kind_at), _U(column)] = _REAL
        return position + 4
    if wire == W_BOOLEAN:
        if position >= end:
            return np.int64(_TRUNCATED)
        if buffer[_U(position)] > 1:
            return np.int64(_BAD_BOOLEAN)
        cells.whole[_U(whole_at), _U(column)] = buffer[_U(position)]
        if real_at >= 0:
            cells.real[_U(real_at), _U(column)] = np.float64(buffer[_U(position)])
        cells.kind[_U(kind_at), _U(column)] = _BOOLEAN
        return position + 1
    if wire == W_FIXED:
        if end - position < parameter:
            return np.int64(_TRUNCATED)
        cells.start[_U(text_at), _U(column)] = position
        cells.length[_U(text_at), _U(column)] = parameter
        cells.hash[_U(text_at), _U(column)] = _hash(buffer, position, parameter)[0]
        cells.kind[_U(kind_at), _U(column)] = _BYTES
        return position + parameter
    index, position = _read_long(buffer, position, end)
    if position < 0:
        return position
    if index < 0 or index >= tables.symbol_count[_U(spec), _U(branch)]:
        return np.int64(_BAD_ENUM)
    symbol = parameter + index
    cells.start[_U(text_at), _U(column)] = tables.texts[_U(symbol), 0]
    cells.length[_U(text_at), _U(column)] = tables.texts[_U(symbol), 1]
    cells.hash[_U(text_at), _U(column)] = tables.text_hash[symbol]
    cells.kind[_U(kind_at), _U(column)] = _TEXT
    return position


@compiled(types.int64(_BUFFER, types.int64, types.int64, _TABLES, types.int64, _SLOTS, _CELLS, types.int64), inline=True)
def _read_value(
    buffer: Bytes,
    position: Int,
    end: Int,
    tables: Tables,
    spec: Int,
    slots: Slots,
    cells: Cells,
    column: Int,
) -> Int:
    """One value into its cells."""
    kind_at, real_at, whole_at, text_at = slots
    branch = np.int64(0)
    branches = tables.tagged[_U(spec)]
    if branches:
        branch, position = _read_long(buffer, position, end)
        if position < 0:
            return position
        if branch < 0 or branch >= branches:
            return np.int64(_BRANCH)
    wire = tables.wire[_U(spec), _U(branch)]
    if wire == W_DOUBLE:
        if end - position < 8:
            return np.int64(_TRUNCATED)
        cells.real[_U(real_at), _U(column)] = _load_double(buffer, position)
        cells.kind[_U(kind_at), _U(column)] = _REAL
        return position + 8
    if wire in (W_STRING, W_BYTES):
        length, position = _read_length(buffer, position, end)
        if position < 0:
            return position
        digest, ascii_only = _hash(buffer, position, length)
        if wire == W_STRING and not ascii_only and not _valid_utf8(buffer, position, position + length):
            return np.int64(_UTF8)
        cells.start[_U(text_at), _U(column)] = position
        cells.length[_U(text_at), _U(column)] = length
        cells.hash[_U(text_at), _U(column)] = digest
        cells.kind[_U(kind_at), _U(column)] = _TEXT if wire == W_STRING else _BYTES
        return position + length
    if wire in (W_LONG, W_INT):
        whole, position = _read_long(buffer, position, end)
        if position < 0:
            return position
        if wire == W_INT and (whole < -2147483648 or whole > 2147483647):
            return np.int64(_RANGE)
        cells.whole[_U(whole_at), _U(column)] = whole
        if real_at >= 0:
            cells.real[_U(real_at), _U(column)] = np.float64(whole)
        cells.kind[_U(kind_at), _U(column)] = _INTEGER
        return position
    if wire == W_NULL:
        cells.kind[_U(kind_at), _U(column)] = _NULL
        return position
    return _read_rare(buffer, position, end, tables, spec, branch, slots, cells, column)


@compiled(types.int64(_BUFFER, types.int64, types.int64, _TABLES, *(types.int64,) * 3), inline=True)
def _find_key(buffer: Bytes, start: Int, length: Int, tables: Tables, first: Int, after: Int, expected: Int) -> Int:
    """The index of a map key among the known ones, -1 when it is not there. Tries the expected one first."""
    if expected < after:
        known = tables.texts[_U(expected), 0]
        if tables.texts[_U(expected), 1] == length and _same(buffer, start, known, length):
            return expected
    digest = _hash(buffer, start, length)[0]
    for candidate in range(first, after):
        known, known_length = tables.texts[_U(candidate), 0], tables.texts[_U(candidate), 1]
        if tables.text_hash[candidate] == digest and known_length == length and _same(buffer, start, known, length):
            return np.int64(candidate)
    return np.int64(-1)


@compiled(types.UniTuple(types.int64, 2)(_BUFFER, types.int64, types.int64), inline=True)
def _read_block(buffer: Bytes, position: Int, end: Int) -> Pair:
    """The head of a block of a map or array: (count, position or error). A negative count is followed by its size."""
    count, position = _read_long(buffer, position, end)
    if position < 0 or count >= 0:
        return count, position
    _, position = _read_long(buffer, position, end)
    if position >= 0 and -count < 0:  # the one number that has no opposite
        return count, np.int64(_LENGTH)
    return -count, position


@compiled(
    types.UniTuple(types.int64, 2)(_BUFFER, types.int64, types.int64, _TABLES, types.int64, _CELLS, types.int64), inline=True
)
def _read_map(buffer: Bytes, position: Int, end: Int, tables: Tables, step: Int, cells: Cells, row: Int) -> Pair:
    """All entries of a map: (1 when a key was not known, position or error). The slot after the last key is scratch."""
    first, after = tables.key_range[_U(step), 0], tables.key_range[_U(step), 1]
    spec = tables.steps[_U(step), 1]
    kind_at, real_at = tables.containers[_U(step), 0], tables.containers[_U(step), 1]
    whole_at, text_at = tables.containers[_U(step), 2], tables.containers[_U(step), 3]
    odd = np.int64(0)
    expected = first
    while True:
        count, position = _read_block(buffer, position, end)
        if position < 0 or count == 0:
            return odd, position
        while count > 0:
            count -= 1
            length, position = _read_length(buffer, position, end)
            if position < 0:
                return odd, position
            key = _find_key(buffer, position, length, tables, first, after, expected)
            if key < 0:
                if not _valid_utf8(buffer, position, position + length):
                    return odd, np.int64(_UTF8)
                odd = np.int64(1)
                key = after
            else:
                expected = key + 1
            at = key - first
            slots = (
                kind_at + at,
                real_at + at if real_at >= 0 else real_at,
                whole_at + at if whole_at >= 0 else whole_at,
                text_at + at if text_at >= 0 else text_at,
            )
            position = _read_value(buffer, position + length, end, tables, spec, slots, cells, row)
            if position < 0:
                return odd, position


@compiled(types.int64(_BUFFER, types.int64, types.int64, _TABLES, types.int64, _CELLS, _I64_1), inline=True)
def _read_array(buffer: Bytes, position: Int, end: Int, tables: Tables, step: Int, items: Cells, filled: Integers) -> Int:
    """All items of an array, behind what the earlier rows put there."""
    spec = tables.steps[_U(step), 1]
    array = tables.containers[_U(step), 4]
    room = items.kind.shape[1]
    containers = tables.containers
    slots = (containers[step, 0], containers[step, 1], containers[step, 2], containers[step, 3])
    while True:
        count, position = _read_block(buffer, position, end)
        if position < 0 or count == 0:
            return position
        while count > 0:
            count -= 1
            if filled[array] >= room:
                return np.int64(NEED_ROOM)
            position = _read_value(buffer, position, end, tables, spec, slots, items, filled[array])
            if position < 0:
                return position
            filled[array] += 1


@compiled(
    types.UniTuple(types.int64, 2)(_BUFFER, types.int64, types.int64, _TABLES, _CELLS, _CELLS, _I64_1, types.int64), inline=True
)
def _read_row(
    buffer: Bytes, position: Int, end: Int, tables: Tables, cells: Cells, items: Cells, filled: Integers, row: Int
) -> Pair:
    """One message: (1 when a map key was not known, position or error)."""
    odd = np.int64(0)
    steps = tables.steps
    for step in range(steps.shape[0]):
        what = steps[_U(step), 0]
        if what == S_DOUBLE:  # the most common one, without the generality of _read_value
            if end - position < 8:
                return odd, np.int64(_TRUNCATED)
            cells.real[_U(steps[_U(step), 5]), _U(row)] = _load_double(buffer, position)
            cells.kind[_U(steps[_U(step), 4]), _U(row)] = _REAL
            position += 8
        elif what == S_VALUE:
            slots = (steps[_U(step), 4], steps[_U(step), 5], steps[_U(step), 6], steps[_U(step), 7])
            position = _read_value(buffer, position, end, tables, steps[_U(step), 1], slots, cells, row)
        else:
            if steps[_U(step), 3]:
                branch, position = _read_long(buffer, position, end)
                if position < 0:
                    return odd, position
                if branch < 0 or branch >= steps[_U(step), 3]:
                    return odd, np.int64(_BRANCH)
                if branch == steps[_U(step), 2]:
                    cells.kind[steps[_U(step), 4], row] = _NULL
                    continue
            cells.kind[steps[_U(step), 4], row] = _PRESENT
            if what == S_MAP:
                unknown, position = _read_map(buffer, position, end, tables, step, cells, row)
                odd |= unknown
            else:
                position = _read_array(buffer, position, end, tables, step, items, filled)
        if position < 0:
            return odd, position
    if position != end:
        return odd, np.int64(_TRAILING)
    return odd, position


@compiled(types.int64(_BATCH, _TABLES, _CELLS, _CELLS, types.int64, types.int64))
def decode_rows(batch: Batch, tables: Tables, cells: Cells, items: Cells, skip: Int, row: Int) -> Int:
    """Decode from `row` on. Returns the number of rows done: fewer than there are when an item table is full.

    A refused row leaves no trace: its cells are ABSENT, its arrays empty. `filled` and `offsets` tell where the items of
    each row ended, so that a second call goes on where the first one stopped.
    """
    rows = len(batch.error)
    arrays = len(batch.filled)
    while row < rows:
        end = batch.end[row]
        position = batch.begin[row] + skip
        odd = np.int64(0)
        if position > end:
            position = np.int64(_TRUNCATED)
        else:
            odd, position = _read_row(batch.buffer, position, end, tables, cells, items, batch.filled, row)
        if position < 0:
            for array in range(arrays):
                batch.filled[array] = batch.offsets[array, row]
            for slot in range(cells.kind.shape[0]):
                cells.kind[slot, row] = 0
            if position == NEED_ROOM:
                return row
            batch.error[row] = -position
        else:
            batch.odd[row] = odd
        for array in range(arrays):
            batch.offsets[array, row + 1] = batch.filled[array]
        row += 1
    return row
