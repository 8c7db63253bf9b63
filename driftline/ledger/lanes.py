"""SHA-256 of many messages at once: 32 of them side by side, a word of each in one lane of the processor's vectors.

One message alone cannot use vector instructions, each round waits for the one before. Needs numba (the extra `drift`);
`driftline.ledger.pages` stands on it. FIPS 180-4, sections 4.1.2, 5.1.1, 5.3.3 and 6.2.2; the
letters of the rounds are those of the standard.
"""

# ruff: noqa: C901, PLR0913, PLR0917 - a kernel takes its arrays one by one, and calls cost what they save

from __future__ import annotations

from collections.abc import Callable, Sequence
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

LANES: Final = 32
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


def _word(operation: Callable[..., Any], arguments: int) -> Any:
    """Make an operation on 32-bit words: numba itself would widen every sum to 64 bits, and halve the lanes."""
    signature = types.uint32(*([types.uint32] * arguments))

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return operation(builder, *values)

    forms = {
        1: lambda _typing, x: (signature, generate),  # noqa: ARG005
        2: lambda _typing, x, y: (signature, generate),  # noqa: ARG005
        3: lambda _typing, x, y, z: (signature, generate),  # noqa: ARG005
    }
    return intrinsic(forms[arguments])


def _rotated(builder: Any, x: Any, count: int) -> Any:
    word = ir.IntType(32)
    return builder.or_(builder.lshr(x, word(count)), builder.shl(x, word(32 - count)))


def _sigma(first: int, second: int, third: int, *, shift: bool = False) -> Any:
    def operation(builder: Any, x: Any) -> Any:
        last = builder.lshr(x, ir.IntType(32)(third)) if shift else _rotated(builder, x, third)
        return builder.xor(builder.xor(_rotated(builder, x, first), _rotated(builder, x, second)), last)

    return _word(operation, 1)


_add = _word(lambda builder, x, y: builder.add(x, y), 2)
_ch = _word(lambda builder, x, y, z: builder.xor(z, builder.and_(x, builder.xor(y, z))), 3)
_maj = _word(lambda builder, x, y, z: builder.or_(builder.and_(x, y), builder.and_(z, builder.or_(x, y))), 3)
_big_0, _big_1 = _sigma(2, 13, 22), _sigma(6, 11, 25)
_small_0, _small_1 = _sigma(7, 18, 3, shift=True), _sigma(17, 19, 10, shift=True)


_swap = _word(lambda builder, x: builder.bswap(x), 1)


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _load(typing_context: Any, array: Any, position: Any) -> Any:  # noqa: ARG001
    """Load four bytes from any address as a big-endian word (little-endian machines)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(builder.bitcast(view.data, cgutils.voidptr_t), [arguments[1]])
        loaded = builder.load(builder.bitcast(address, ir.PointerType(ir.IntType(32))))
        loaded.align = 1
        return builder.bswap(loaded)

    return types.uint32(array, types.int64), generate


_BYTES = types.Array(types.uint8, 1, "C")
_GIVEN = types.Array(types.uint8, 1, "C", readonly=True)
_ROW = types.Array(types.uint32, 1, "C")
_ROWS = types.Array(types.uint32, 2, "C")
_TABLE = types.Array(types.int64, 2, "C")
_LIST = types.Array(types.int64, 1, "C")


@compiled(types.void(*([_ROW] * 9), types.uint32), inline=True)
def _round(a: _Words, b: _Words, c: _Words, d: _Words, e: _Words, f: _Words, g: _Words, h: _Words, w: _Words, k: Any) -> None:
    """One round in every lane; instead of moving eight variables on, the next call names them anew."""
    for lane in range(LANES):
        t1 = _add(_add(_add(h[lane], _big_1(e[lane])), _add(_ch(e[lane], f[lane], g[lane]), w[lane])), k)
        t2 = _add(_big_0(a[lane]), _maj(a[lane], b[lane], c[lane]))
        d[lane] = _add(d[lane], t1)
        h[lane] = _add(t1, t2)


@compiled(types.void(_ROWS, _ROWS, _ROW))
def _compress(state: _Words, w: _Words, k: _Words) -> None:
    """Take one block into each lane. `state`: eight rows of working variables, then the eight of the hash value."""
    for i in range(8):
        for lane in range(LANES):
            state[i, lane] = state[8 + i, lane]
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for t in range(0, 64, 8):
        if t >= 16:
            for i in range(t, t + 8):
                now, w2, w7, w15, w16 = w[i], w[i - 2], w[i - 7], w[i - 15], w[i - 16]
                for lane in range(LANES):
                    now[lane] = _add(_add(_small_1(w2[lane]), w7[lane]), _add(_small_0(w15[lane]), w16[lane]))
        _round(a, b, c, d, e, f, g, h, w[t], k[t])
        _round(h, a, b, c, d, e, f, g, w[t + 1], k[t + 1])
        _round(g, h, a, b, c, d, e, f, w[t + 2], k[t + 2])
        _round(f, g, h, a, b, c, d, e, w[t + 3], k[t + 3])
        _round(e, f, g, h, a, b, c, d, w[t + 4], k[t + 4])
        _round(d, e, f, g, h, a, b, c, w[t + 5], k[t + 5])
        _round(c, d, e, f, g, h, a, b, w[t + 6], k[t + 6])
        _round(b, c, d, e, f, g, h, a, w[t + 7], k[t + 7])
    for i in range(8):
        for lane in range(LANES):
            state[8 + i, lane] = _add(state[8 + i, lane], state[i, lane])


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
        state[8 + i, lane] = h[i]


@compiled(types.void(_GIVEN, types.int64, _ROWS, types.int64), inline=True)
def _fill(source: _Bytes, at: int, words: _Words, lane: int) -> None:
    for i in range(16):
        words[i, lane] = _load(source, at + 4 * i)


@compiled(types.void(_GIVEN, _LIST, _ROW, _BYTES, _ROWS, _ROWS, _TABLE, _ROW, _ROW))
def _run(
    data: _Bytes,
    ends: _Numbers,
    out: _Words,
    tails: _Bytes,
    state: _Words,
    words: _Words,
    lanes: _Numbers,
    k: _Words,
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
        _compress(state, words, k)
        for lane in range(LANES):
            if lanes[_NUMBER, lane] >= 0 and lanes[_TAIL_LEFT, lane] == 0:
                for i in range(8):
                    out[lanes[_NUMBER, lane] * 8 + i] = _swap(state[8 + i, lane])
                lanes[_NUMBER, lane] = -1


class Lanes:
    """Hashes many messages at a time. Not for several threads: the kernel's room is used again and again."""

    def __init__(self) -> None:
        self._state, self._words = np.empty((16, LANES), np.uint32), np.empty((64, LANES), np.uint32)
        self._tails, self._lanes = np.empty(LANES * _TAIL, np.uint8), np.empty((5, LANES), np.int64)

    def __call__(self, messages: Sequence[bytes]) -> bytes:
        """Return the SHA-256 of each message, one after the other."""
        ends = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)))
        return self.cut(b"".join(messages), ends)

    def cut(self, data: bytes | _Bytes, ends: _Numbers) -> bytes:
        """Return the SHA-256 of each message, given all of them in one piece and where each ends in it."""
        out = np.empty(len(ends) * 8, np.uint32)
        view = np.frombuffer(data or b"\x00", np.uint8) if isinstance(data, bytes) else data
        _run(view, ends, out, self._tails, self._state, self._words, self._lanes, _K, _H)
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
