"""Verifying whole pages of rows in columns: the quick way beside `driftline.ledger.walk`, which says what is right.

Everything that `Walk.over` asks of a row is asked of a page at once: Python only gathers columns, kernels write the
leaves anew and hash them side by side. The answer is one bit. Where it is no, or anything is unusual, nothing has moved,
and `Pages.walk` hands what stands so far to the slow way. Needs numba (the extra `drift`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from types import NoneType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftline.ledger.lanes import Lanes
from driftline.ledger.leaf import SALT_SIZE
from driftline.ledger.leaves import LONGEST, MARK, WORDS, WORDS_AT, parts, write_leaves
from driftline.ledger.rows import Row, SourceName
from driftline.ledger.walk import BEGINNING, Claim, Place, Walk, claimed

__all__ = ["Pages"]

_HASH: Final = 32
_LONG: Final = 4_096
"""Bytes of a message from which on hashlib has it alone: other lanes would wait for its end."""
_KINDS: Final = 50_000

_Kind = tuple[str, str, str, str, int | None]
"""What the texts of a leaf follow from: action, actor, type and id of the resource, source."""
_Numbers = NDArray[np.int64]
_Flags = NDArray[np.bool_]


class _Trails:
    """How many entries, the first one's sequence, and the last one's hash, by a number for each actor or resource."""

    def __init__(self) -> None:
        self.number_of: dict[Any, int] = {}
        self.counts = np.zeros((64, 2), np.int64)
        self.hashes = np.zeros(64 * _HASH, np.uint8)  # GENESIS

    def number(self, name: object) -> int:
        """Return the number of an actor or a resource, a new one without an entry."""
        number = self.number_of.setdefault(name, len(self.number_of))
        if number == len(self.counts):
            self.counts = np.concatenate([self.counts, np.zeros_like(self.counts)])
            self.hashes = np.concatenate([self.hashes, np.zeros_like(self.hashes)])
        return number

    def begin(self, number: int, entries: int, last: str) -> None:
        """Take a trail up where it is said to stand; raises ValueError for a hash that is none."""
        self.counts[number, 0] = entries
        self.hashes[number * _HASH : (number + 1) * _HASH] = np.frombuffer(bytes.fromhex(last), np.uint8)

    def kept(self, numbers: _Numbers) -> tuple[_Numbers, _Numbers, NDArray[np.uint8]]:
        """Return what `restore` puts back."""
        return numbers, self.counts[numbers], self.hashes.reshape(-1, _HASH)[numbers]

    def restore(self, kept: tuple[_Numbers, _Numbers, NDArray[np.uint8]]) -> None:
        """Forget a page that was not right."""
        numbers, self.counts[numbers], self.hashes.reshape(-1, _HASH)[numbers] = kept[0], kept[1], kept[2]

    def tails(self) -> dict[Any, tuple[int, str]]:
        """Return the trails as a walk has them."""
        hashes = self.hashes.reshape(-1, _HASH)
        return {
            name: (int(self.counts[number, 0]), hashes[number].tobytes().hex())
            for name, number in self.number_of.items()
            if self.counts[number, 0]
        }

    def firsts(self) -> dict[Any, int]:
        """Return the first entry of each."""
        return {name: int(self.counts[n, 1]) for name, n in self.number_of.items() if self.counts[n, 0]}


class _Kinds(dict[_Kind, int]):
    """Numbers kinds of leaves as they occur, with their texts as JSON."""

    def __init__(self, log: str, sources: Mapping[int, SourceName], actors: _Trails, resources: _Trails) -> None:
        super().__init__()
        self._log = log
        self._sources = sources
        self._actors = actors
        self._resources = resources
        self._begin()

    def _begin(self) -> None:
        self.clear()
        self.table = np.zeros((64, 8), np.int64)
        self.texts = np.zeros(1 << 16, np.uint8)
        self._used = 0

    def __missing__(self, key: _Kind) -> int:
        """Take a new kind up; raises TypeError for text that JSON cannot hold, KeyError for an unknown source."""
        action, actor, resource_type, resource_id, source_id = key
        if not all(type(text) is str for text in key[:4]):  # a key that equals a known one has its types, too
            raise TypeError(key)
        resource = (resource_type, resource_id)
        source = None if source_id is None else self._sources[source_id]
        pieces = parts(self._log, action, actor, resource, source)
        bounds = [self._used]
        for piece in pieces:
            bounds.append(bounds[-1] + len(piece))
        while bounds[-1] > len(self.texts):
            self.texts = np.concatenate([self.texts, np.zeros_like(self.texts)])
        number = len(self)
        if number == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self.texts[bounds[0] : bounds[-1]] = np.frombuffer(b"".join(pieces), np.uint8)
        self.table[number] = (self._actors.number(actor), self._resources.number(resource), source is not None, *bounds)
        self._used = bounds[-1]
        self[key] = number
        return number

    def of(self, keys: Sequence[_Kind]) -> _Numbers:
        """Return the number of each; all are valid until the next call."""
        if len(self) > _KINDS:
            self._begin()
        return np.fromiter(map(self.__getitem__, keys), np.int64, len(keys))


class Pages:
    """Goes over pages of rows for as long as everything is right with all of them."""

    def __init__(self, log: str, sources: Mapping[int, SourceName], at: Place = BEGINNING) -> None:
        self._log = log
        self._sources = sources
        self._actors, self._resources = _Trails(), _Trails()
        self._kinds = _Kinds(log, sources, self._actors, self._resources)
        self._lanes = Lanes()
        self._room = np.empty(0, np.uint8)
        self._began = at
        self._claims: list[Claim] = []
        self._next, self._hash, self._ts = at

    def over(self, rows: Sequence[Row], absent: Container[int] = ()) -> bool:
        """Go on behind these rows if all is right with every one of them; else stay. `absent`: as `Walk.over` takes it."""
        try:
            return self._over(rows, absent)
        except (TypeError, ValueError, LookupError, OverflowError):  # values that no writer writes
            return False

    def fold(self, hashes: Sequence[bytes]) -> bytes:
        """Return the root over a power of two of neighbours."""
        return self._lanes.fold(hashes)

    def walk(self) -> Walk:
        """Return where this stands, for going on row by row."""
        walk = Walk(self._log, self._sources, self._began)
        walk.hash, walk.next, walk.ts = self._hash, self._next, self._ts
        walk.actors, walk.resources = self._actors.tails(), self._resources.tails()
        walk.claims = list(self._claims)
        walk.first_by = self._actors.firsts() | {claim.of: claim.seq for claim in walk.claims if isinstance(claim.of, str)}
        return walk

    def _over(self, rows: Sequence[Row], absent: Container[int]) -> bool:
        c: Any = Row._make(zip(*rows, strict=True))
        if c.previous_hash != (self._hash, *c.entry_hash[:-1]) or not _sized(c):
            return False
        there = [row for row in rows if row[0] not in absent] if absent else rows
        if there and not self._committed(c if len(there) == len(rows) else Row._make(zip(*there, strict=True))):
            return False
        numbers, missing = _integers((c.seq, c.ts_us, c.event_ts_us, c.src_start, c.src_end, c.source_id))
        if not self._follows(numbers, missing):
            return False
        detailless = _missing(c.details_hash)
        kinds = self._kinds.of(list(zip(c.action, c.actor, c.resource_type, c.resource_id, c.source_id, strict=True)))
        kept = self._actors.kept(self._kinds.table[kinds, 0]), self._resources.kept(self._kinds.table[kinds, 1])
        right, claims = False, len(self._claims)
        try:
            if self._began.next:
                self._claim(c, kinds)
            right = self._same_leaves(c, kinds, numbers, missing[2], detailless)
        finally:
            if not right:
                self._actors.restore(kept[0])
                self._resources.restore(kept[1])
                del self._claims[claims:]
        if right:
            self._hash, self._next, self._ts = c.entry_hash[-1], c.seq[-1] + 1, c.ts_us[-1]
        return right

    def _claim(self, c: Any, kinds: _Numbers) -> None:
        """Take the first entry of each trail that is not known at its word."""
        for column, trails in enumerate((self._actors, self._resources)):
            numbers, rows = np.unique(self._kinds.table[kinds, column], return_index=True)
            for number, row in zip(numbers.tolist(), rows.tolist(), strict=True):
                if trails.counts[number, 0] == 0:
                    tail = claimed(c.leaf[row])[column]
                    of = c.actor[row] if column == 0 else (c.resource_type[row], c.resource_id[row])
                    self._claims.append(Claim(of, c.seq[row], tail))
                    trails.begin(number, *tail)

    def _follows(self, numbers: _Numbers, missing: _Flags) -> bool:
        """Tell whether sequence and time go on, and offsets stand exactly where a source does."""
        seq, ts = numbers[0], numbers[1]
        if missing.any() and (missing[:2].any() or (missing[3:5] != missing[5]).any()):
            return False
        goes_on = seq[0] == self._next and ts[0] >= self._ts
        return bool(goes_on and (seq[1:] == seq[:-1] + 1).all() and (ts[1:] >= ts[:-1]).all())

    def _committed(self, c: Any) -> bool:
        """Tell whether payloads and details have the hashes stored for them."""
        detailless = _missing(c.details_hash)
        if set(map(len, c.salt)) != {SALT_SIZE} or (detailless != _missing(c.details)).any():
            return False
        if self._digests(b"\x02", c.salt, c.body) != b"".join(c.data_hash):
            return False
        salts, details, hashes = c.salt, c.details, c.details_hash
        if detailless.any():
            rows = np.flatnonzero(~detailless).tolist()
            if not rows:
                return True
            salts, details, hashes = ([column[row] for row in rows] for column in (salts, details, hashes))
        return self._digests(b"\x03", salts, details) == b"".join(hashes)

    def _digests(self, prefix: bytes, salts: Sequence[bytes], texts: Sequence[bytes]) -> bytes:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        if lengths.max() > _LONG:
            return b"".join([sha256(prefix + salt + text).digest() for salt, text in zip(salts, texts, strict=True)])
        pieces = [prefix] * (3 * len(texts))
        pieces[1::3], pieces[2::3] = salts, texts
        return self._lanes.cut(b"".join(pieces), np.cumsum(lengths + (1 + SALT_SIZE)))

    def _same_leaves(self, c: Any, kinds: _Numbers, numbers: _Numbers, eventless: _Flags, detailless: _Flags) -> bool:
        """Tell whether the stored leaves are, byte for byte, those of the columns and trails, and have the stored hashes."""
        table, stored = self._kinds.table, b"".join(c.entry_hash)
        room = int((table[kinds, 7] - table[kinds, 3]).sum()) + len(kinds) * LONGEST
        if room > len(self._room):
            self._room = np.empty(room, np.uint8)
        ends = np.empty(len(kinds), np.int64)
        used = write_leaves(
            WORDS,
            WORDS_AT,
            self._kinds.texts,
            table,
            kinds,
            numbers,
            eventless,
            _raw(c.entry_id),
            np.frombuffer(self._hash + stored, np.uint8),
            _raw(c.data_hash),
            detailless,
            _raw(_present(c.details_hash)),
            self._actors.counts,
            self._actors.hashes,
            self._resources.counts,
            self._resources.hashes,
            self._room,
            ends,
        )
        # No leaf that was written holds a mark, so equal joins were cut at the same places.
        if self._room[:used].tobytes() != MARK + MARK.join(c.leaf):
            return False
        return self._lanes.cut(self._room, ends) == stored


def _sized(c: Any) -> bool:
    """Tell whether everything in the chain that has a fixed size has it."""
    if set(map(len, c.data_hash + c.entry_hash)) != {_HASH}:
        return False
    return set(map(len, c.entry_id)) == {16} and set(map(len, _present(c.details_hash))) <= {_HASH}


def _present(column: Sequence[bytes | None]) -> Sequence[bytes]:
    """Return what is not None."""
    return [value for value in column if value is not None] if None in column else column  # type: ignore[return-value]


def _integers(columns: Sequence[tuple[int | None, ...]]) -> tuple[_Numbers, _Flags]:
    """Return columns of integers, 0 for None, and which are None. Raises TypeError for anything else, OverflowError beyond 64 bits."""
    values = tuple(chain.from_iterable(columns))
    found = set(map(type, values))
    if not found <= {int, NoneType}:
        raise TypeError(found)
    shape = (len(columns), len(columns[0]))
    missing = _missing(values).reshape(shape) if NoneType in found else np.zeros(shape, np.bool_)
    given = [value or 0 for value in values] if NoneType in found else values
    return np.fromiter(given, np.int64, len(values)).reshape(shape), missing


def _missing(column: Sequence[object]) -> _Flags:
    """Return which are None."""
    if None not in column:
        return np.zeros(len(column), np.bool_)
    return np.fromiter([value is None for value in column], np.bool_, len(column))


def _raw(column: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(column) or b"\x00", np.uint8)
