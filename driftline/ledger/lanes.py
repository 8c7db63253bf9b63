"""SHA-256 of many messages at once: 16 of them side by side, a word of each in one lane of the processor's vectors.

One message alone cannot use vector instructions, each round waits for the one before. Needs numba (the extra `drift`);
`driftline.ledger.pages` stands on it. FIPS 180-4, sections 4.1.2, 5.1.1, 5.3.3 and 6.2.2; the
letters of the rounds are those of the standard.
"""

# ruff: noqa: C901, PLR0913, PLR0917 - a kernel takes its arrays one by one, and calls cost what they save

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from driftline.avro.jit import compiled
from driftline.ledger.tree import fold

__all__ = ["Lanes"]

LANES: Final = 16
_BLOCK, _DIGEST = 64, 32
_NARROW: Final = 16  # neighbours that are hashed as quickly one by one
_TAIL = 2 * _BLOCK  # what padding makes of the end of a message

_Words = NDArray[np.uint32]
_Bytes = NDArray[np.uint8]
_Numbers = NDArray[np.int64]


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _root(value: int, degree: int) -> int:
    """Return the whole part of a root, exactly."""
    low, high = 0, value
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low


# The first 32 bits of the fractional parts: of the cube roots of the first 64 primes, of the square roots of the first 8.
_K: Final = np.array([_root(p << 96, 3) & 0xFFFFFFFF for p in _primes(64)], dtype=np.uint32)
_H: Final = np.array([_root(p << 64, 2) & 0xFFFFFFFF for p in _primes(8)], dtype=np.uint32)


class _Rounds:
    """Writes the rounds for all lanes at once: every value is a vector of one word of each lane."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self.vector = ir.VectorType(ir.IntType(32), LANES)
        form = ir.FunctionType(self.vector, [self.vector] * 3)
        self._shift_pair = cgutils.get_or_insert_function(builder.module, form, f"llvm.fshl.v{LANES}i32")
        swap = ir.FunctionType(self.vector, [self.vector])
        self._swap = cgutils.get_or_insert_function(builder.module, swap, f"llvm.bswap.v{LANES}i32")

    def each(self, number: int) -> Any:
        """Return the same word in every lane."""
        return ir.Constant(self.vector, [ir.IntType(32)(number)] * LANES)

    def sum(self, *values: Any) -> Any:
        return reduce(self._builder.add, values)

    def swapped(self, x: Any) -> Any:
        """Return big-endian words as numbers."""
        return self._builder.call(self._swap, [x])

    def _rotated(self, x: Any, count: int) -> Any:
        return self._builder.call(self._shift_pair, [x, x, self.each(32 - count)])

    def sigma(self, x: Any, first: int, second: int, third: int, *, shift: bool = False) -> Any:
        last = self._builder.lshr(x, self.each(third)) if shift else self._rotated(x, third)
        return self._builder.xor(self._builder.xor(self._rotated(x, first), self._rotated(x, second)), last)

    def ch(self, x: Any, y: Any, z: Any) -> Any:
        return self._builder.xor(z, self._builder.and_(x, self._builder.xor(y, z)))

    def maj(self, x: Any, y: Any, z: Any) -> Any:
        return self._builder.or_(self._builder.and_(x, y), self._builder.and_(z, self._builder.or_(x, y)))

    def after(self, state: list[Any], block: list[Any]) -> list[Any]:
        """Return the hash value after a block of sixteen words."""
        w = [self.swapped(word) for word in block]
        a, b, c, d, e, f, g, h = state
        for t in range(64):
            if t >= 16:
                new, old = self.sigma(w[t - 2], 17, 19, 10, shift=True), self.sigma(w[t - 15], 7, 18, 3, shift=True)
                w.append(self.sum(new, w[t - 7], old, w[t - 16]))
            t1 = self.sum(h, self.sigma(e, 6, 11, 25), self.ch(e, f, g), self.sum(w[t], self.each(int(_K[t]))))
            t2 = self.sum(self.sigma(a, 2, 13, 22), self.maj(a, b, c))
            a, b, c, d, e, f, g, h = self.sum(t1, t2), a, b, c, self.sum(d, t1), e, f, g
        return [self.sum(before, now) for before, now in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _compress(_typing: Any, state: Any, words: Any) -> Any:
    """Take one block into each lane: rows of the hash value and of the block, a column for each lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rounds = _Rounds(builder)
        rows = []
        for kind, array in zip(signature.args, arguments, strict=True):
            view = context.make_array(kind)(context, builder, array)
            rows.append(builder.bitcast(view.data, rounds.vector.as_pointer()))

        def load(number: int, row: int) -> Any:
            loaded = builder.load(builder.gep(rows[number], [ir.IntType(64)(row)]))
            loaded.align = 4
            return loaded

        found = rounds.after([load(0, row) for row in range(8)], [load(1, row) for row in range(16)])
        for row, value in enumerate(found):
            builder.store(value, builder.gep(rows[0], [ir.IntType(64)(row)])).align = 4
        return context.get_dummy_value()

    return types.void(state, words), generate


@intrinsic  # type: ignore[untyped-decorator]
def _swap(_typing: Any, word: Any) -> Any:  # noqa: ARG001
    """Return a word with its bytes the other way round (little-endian machines)."""
    return types.uint32(types.uint32), lambda _context, builder, _signature, arguments: builder.bswap(arguments[0])


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _load(typing_context: Any, array: Any, position: Any) -> Any:  # noqa: ARG001
    """Load four bytes from any address as they stand."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(builder.bitcast(view.data, cgutils.voidptr_t), [arguments[1]])
        loaded = builder.load(builder.bitcast(address, ir.PointerType(ir.IntType(32))))
        loaded.align = 1
        return loaded

    return types.uint32(array, types.int64), generate


_BYTES = types.Array(types.uint8, 1, "C")
_GIVEN = types.Array(types.uint8, 1, "C", readonly=True)
_ROW = types.Array(types.uint32, 1, "C")
_ROWS = types.Array(types.uint32, 2, "C")
_TABLE = types.Array(types.int64, 2, "C")
_LIST = types.Array(types.int64, 1, "C")


# Rows of the table of lanes: the message (-1: none), where its next whole block is and how many are left; the same of its tail.
_NUMBER, _AT, _LEFT, _TAIL_AT, _TAIL_LEFT = range(5)


@compiled(types.void(_GIVEN, types.int64, types.int64, types.int64, types.int64, _BYTES, _ROWS, _TABLE, _ROW), inline=True)
def _begin(
    data: _Bytes, number: int, start: int, end: int, lane: int, tails: _Bytes, state: _Words, lanes: _Numbers, h: _Words
) -> None:
    """Give a lane its next message: the whole blocks stay where they are, the rest is padded in the lane's own tail."""
    length = end - start
    whole, rest = length >> 6, length & 63
    base, rested = lane * _TAIL, end - rest
    blocks = 1 if rest < _BLOCK - 8 else 2
    for i in range(rest):
        tails[base + i] = data[rested + i]
    tails[base + rest] = 0x80
    for i in range(rest + 1, blocks * _BLOCK - 8):
        tails[base + i] = 0
    for i in range(8):
        tails[base + blocks * _BLOCK - 1 - i] = (length << 3 >> (8 * i)) & 0xFF
    lanes[_NUMBER, lane] = number
    lanes[_AT, lane], lanes[_LEFT, lane] = start, whole
    lanes[_TAIL_AT, lane], lanes[_TAIL_LEFT, lane] = base, blocks
    for i in range(8):
        state[i, lane] = h[i]


@compiled(types.void(_GIVEN, types.int64, _ROWS, types.int64), inline=True)
def _fill(source: _Bytes, at: int, words: _Words, lane: int) -> None:
    for i in range(16):
        words[i, lane] = _load(source, at + 4 * i)


@compiled(types.void(_GIVEN, _LIST, _ROW, _BYTES, _ROWS, _ROWS, _TABLE, _ROW))
def _run(
    data: _Bytes,
    ends: _Numbers,
    out: _Words,
    tails: _Bytes,
    state: _Words,
    words: _Words,
    lanes: _Numbers,
    h: _Words,
) -> None:
    """Hash the messages that end at `ends`; a lane that is through takes the next one, so lengths may differ."""
    waiting = 0
    for lane in range(LANES):
        lanes[_NUMBER, lane] = -1
    while True:
        busy = False
        for lane in range(LANES):
            if lanes[_NUMBER, lane] < 0:
                if waiting == len(ends):
                    continue
                start = ends[waiting - 1] if waiting > 0 else 0
                _begin(data, waiting, start, ends[waiting], lane, tails, state, lanes, h)
                waiting += 1
            busy = True
            if lanes[_LEFT, lane] > 0:
                _fill(data, lanes[_AT, lane], words, lane)
                lanes[_AT, lane] += _BLOCK
                lanes[_LEFT, lane] -= 1
            else:
                _fill(tails, lanes[_TAIL_AT, lane], words, lane)
                lanes[_TAIL_AT, lane] += _BLOCK
                lanes[_TAIL_LEFT, lane] -= 1
        if not busy:
            return
        _compress(state, words)
        for lane in range(LANES):
            if lanes[_NUMBER, lane] >= 0 and lanes[_TAIL_LEFT, lane] == 0:
                for i in range(8):
                    out[lanes[_NUMBER, lane] * 8 + i] = _swap(state[i, lane])
                lanes[_NUMBER, lane] = -1


class Lanes:
    """Hashes many messages at a time. Not for several threads: the kernel's room is used again and again."""

    def __init__(self) -> None:
        self._state, self._words = np.empty((8, LANES), np.uint32), np.empty((16, LANES), np.uint32)
        self._tails, self._lanes = np.empty(LANES * _TAIL, np.uint8), np.empty((5, LANES), np.int64)

    def __call__(self, messages: Sequence[bytes]) -> bytes:
        """Return the SHA-256 of each message, one after the other."""
        ends = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)))
        return self.cut(b"".join(messages), ends)

    def cut(self, data: bytes | _Bytes, ends: _Numbers) -> bytes:
        """Return the SHA-256 of each message, given all of them in one piece and where each ends in it."""
        out = np.empty(len(ends) * 8, np.uint32)
        view = np.frombuffer(data or b"\x00", np.uint8) if isinstance(data, bytes) else data
        _run(view, ends, out, self._tails, self._state, self._words, self._lanes, _H)
        return out.tobytes()

    def fold(self, hashes: Sequence[bytes]) -> bytes:
        """Return the root over a power of two of neighbours, see `driftline.ledger.tree`."""
        if len(hashes) <= _NARROW:
            return fold(hashes)
        row = b"".join(hashes)
        while len(row) > _NARROW * _DIGEST:
            nodes = np.ones((len(row) // (2 * _DIGEST), 1 + 2 * _DIGEST), np.uint8)
            nodes[:, 1:] = np.frombuffer(row, np.uint8).reshape(-1, 2 * _DIGEST)
            row = self.cut(nodes.reshape(-1), np.arange(1, len(nodes) + 1) * nodes.shape[1])
        return fold([row[at : at + _DIGEST] for at in range(0, len(row), _DIGEST)])
