"""Forgeries of what a ledger hands out: the valid, taken apart and put together wrongly, the same for the same seed.

DRIFTLINE_FUZZ is how many of each kind a test makes (a few hundred by default), DRIFTLINE_FUZZ_SEED where they begin.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

FORGERIES: Final = int(os.environ.get("DRIFTLINE_FUZZ", "300"))
FIRST_SEED: Final = int(os.environ.get("DRIFTLINE_FUZZ_SEED", "0"))

_DEEP: Final = "\ue000deep"
_VALUES: Final[Sequence[object]] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**40, -(2**63), 0.5, 1e308, -0.0,
    "", "x", "0", "\x00", "\u2028", "\ufeff", "\u0661", "a\u0308", "x" * 70_000, "AAAA", "A" * 43 + "=", "00" * 32,
    [], {}, [[]], [None], [0, 0], {"": None}, _DEEP, [_DEEP],
)  # fmt: skip
_NUMBERS: Final = (
    "-1", "0", "1", "00", "+1", "1e400", "NaN", "Infinity", "18446744073709551616", "9223372036854775807", "9" * 19, "9" * 400, "\u0661",
)  # fmt: skip
_ODD: Final = (
    b"\x00", b"\r", b"\r\n", b"\n", b"\n\n", b" ", b"\t", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", "\ufeff".encode(), "\u2028".encode(), b"=", b"+",
    "\u2014 ".encode(), b'"', b"\\", b"\\ud800", b"{", b"[" * 3_000, b"A" * 70_000,
)  # fmt: skip
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_DIGITS: Final = re.compile(rb"(?<![0-9A-Za-z+/])\d+(?![0-9A-Za-z+/=])")


def forgeries(*valid: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield seeds and what each makes of one of the valid ones; none of them is yielded itself."""
    for seed in range(FIRST_SEED, FIRST_SEED + FORGERIES):
        made = forged(random.Random(seed), valid)
        if made not in valid:
            yield seed, made


def forged(chance: random.Random, valid: Sequence[bytes]) -> bytes:
    """Change one of them in one to three places."""
    data = chance.choice(valid)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = chance.choice(_CHANGES)(chance, data, chance.choice(valid))
    return data


def _cut(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 1, 2, 3, 32, 44, 200, 5_000)))


def _flip(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    if not data:
        return b"\x00"
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _drop(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    start, end = _cut(chance, data)
    return data[:start] + data[end:]


def _double(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    start, end = _cut(chance, data)
    return data[:end] + data[start:]


def _truncate(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _extend(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data + chance.choice((other, b"\n", b"\x00", chance.randbytes(40), data[-100:]))


def _insert(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((*_ODD, chance.randbytes(3))) + data[at:]


def _splice(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one and the end of another."""
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _lines(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Drop, double, swap or replace a line."""
    lines, others = data.split(b"\n"), other.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    how = chance.randrange(4)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(to, lines[at])
    elif how == 2:
        lines[at], lines[to] = lines[to], lines[at]
    else:
        lines[at] = chance.choice((others[min(at, len(others) - 1)], chance.choice(others)))
    return b"\n".join(lines)


def _number(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    found = list(_DIGITS.finditer(data))
    if not found:
        return _flip(chance, data, data)
    where = chance.choice(found)
    near = str(int(where[0][:18]) + chance.choice((-1, 1, 10)))
    return data[: where.start()] + chance.choice((near, *_NUMBERS)).encode() + data[where.end() :]


def _inside_base64(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change what is encoded, and encode it again."""
    found = [each for each in _BASE64.finditer(data) if len(each[0]) % 4 == 0]
    if not found:
        return _splice(chance, data, other)
    where = chance.choice(found)
    inner = base64.b64decode(where[0])
    changed = chance.choice((_flip, _drop, _double, _json))(chance, inner, inner)
    return data[: where.start()] + base64.b64encode(changed) + data[where.end() :]


def _json(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change a value of a JSON line, and write it in its one form again: the rest of the file stays right."""
    lines = data.split(b"\n")
    found = [(at, value) for at, line in enumerate(lines) if (value := _object(line)) is not None]
    if not found:
        return _lines(chance, data, other)
    at, value = chance.choice(found)
    theirs = [value for line in other.split(b"\n") if (value := _object(line)) is not None]
    lines[at] = _text(_changed(chance, value, chance.choice(theirs) if theirs else None)).encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        lines[at] = lines[at].replace(b"{", b'{"leaf":0,', 1)
    return b"\n".join(lines)


def _object(line: bytes) -> Any:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _text(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace(f'"{_DEEP}"', "[" * 3_000 + "]" * 3_000)


def _changed(chance: random.Random, value: Any, other: Any) -> Any:
    """Return the value with one thing in it changed, at any depth, also inside texts that are JSON."""
    deeper = chance.random() < 0.9
    if isinstance(value, dict) and value and deeper:
        return _changed_object(chance, value, other if isinstance(other, dict) else {})
    if isinstance(value, list) and value and deeper:
        return _changed_list(chance, value)
    if isinstance(value, str) and value.startswith("{") and chance.random() < 0.7 and _object(value.encode()):
        return _text(_changed(chance, json.loads(value), None))
    near: list[object] = []
    if type(value) is int:
        near = [value + step for step in (-1, 1, 7, 2**40)]
    elif isinstance(value, str) and value:
        near = [value[:-1], value + value[0], value.upper(), value[::-1]]
    return chance.choice(near if near and chance.random() < 0.4 else [other, *_VALUES])


def _changed_object(chance: random.Random, value: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    key = chance.choice(sorted(value))
    if chance.random() < 0.15:
        return {name: kept for name, kept in value.items() if name != key} | chance.choice(({}, {"x": 1}))
    return value | {key: _changed(chance, value[key], other.get(key))}


def _changed_list(chance: random.Random, value: list[Any]) -> list[Any]:
    at = chance.randrange(len(value))
    changed = [*value[:at], _changed(chance, value[at], None), *value[at + 1 :]]
    return chance.choice((changed, changed, [*value, value[at]], value[:at] + value[at + 1 :], value[::-1]))


_CHANGES: Final[Sequence[Callable[[random.Random, bytes, bytes], bytes]]] = (
    _flip, _drop, _double, _truncate, _extend, _insert, _splice, _lines, _lines, _number, _inside_base64, _json, _json, _json,
)  # fmt: skip
