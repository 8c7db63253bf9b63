"""Append-only files of frames on a local disk. They may end anywhere: what is whole up to the first damage is there.

A frame is its length, the CRC-32 of what follows, when it expires, and its payload. `manifest.json` says whose the files
are and which is the oldest, so that a file that somebody took away is missed.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["Foreign", "Segments"]

MAXIMUM_BYTES = 64 * 1024 * 1024
"""A file of more is followed by another: files are forgotten as a whole."""
_HEAD = struct.Struct("<II")
_EXPIRES = struct.Struct("<q")
_NEVER = -(2**62)


class Foreign(Exception):
    """The files belong to something else, or nothing says whose they are; the text says what."""


class Segments:
    """The files in one folder, oldest first."""

    def __init__(self, folder: Path, identity: str, *, maximum_bytes: int = MAXIMUM_BYTES) -> None:
        """`identity` is what the manifest must say."""
        self._folder = folder
        self._identity = identity
        self._maximum = maximum_bytes
        self._expires: dict[Path, int] = {}
        self._current: BinaryIO | None = None
        self._here: tuple[Path, int] | None = None

    def frames(self) -> Iterator[bytes]:
        """All payloads, oldest first; ends at the first damage, and cuts there. Raises Foreign."""
        for path in self._known():
            data = path.read_bytes()
            begin = 0
            while begin < len(data):
                self._here = path, begin
                found = _frame_at(data, begin)
                if found is None:
                    self.cut()
                    return
                payload, expires, begin = found
                yield payload
                self._expires[path] = max(expires, self._expires.get(path, _NEVER))

    def cut(self) -> None:
        """Forget the frame that `frames` has given last, and everything after it."""
        if self._here is None:
            return
        path, size = self._here
        for later in [each for each in self._paths() if each > path]:
            later.unlink()
        with path.open("r+b") as file:
            file.truncate(size)

    def append(self, payload: bytes, expires: int) -> None:
        """Add a payload that is worth nothing once `expires` is past. Raises OSError."""
        file = self._current
        if file is None or file.tell() > self._maximum:
            file = self._begin()
        path = Path(file.name)
        self._expires[path] = max(expires, self._expires.get(path, _NEVER))
        body = _EXPIRES.pack(expires) + payload
        file.write(_HEAD.pack(len(body), zlib.crc32(body)) + body)
        file.flush()

    def forget(self, reached: int) -> None:
        """Delete the oldest files, as far as all in them has expired. Raises OSError."""
        for path in self._paths():
            is_current = self._current is not None and path == Path(self._current.name)
            if is_current or self._expires.get(path, _NEVER) >= reached:
                return
            self._declare(_number(path) + 1)
            path.unlink()
            self._expires.pop(path, None)

    def clear(self) -> None:
        """Delete every file."""
        self.close()
        for path in [*self._paths(), *self._folder.glob("manifest.*")]:
            path.unlink()
        self._expires.clear()

    def close(self) -> None:
        """Let go of the file that is written."""
        if self._current is not None:
            self._current.close()
            self._current = None

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.segment"))

    def _known(self) -> list[Path]:
        """The files from the oldest one on that the manifest speaks of, without a hole."""
        paths = self._paths()
        if not paths:
            return []
        try:
            manifest = json.loads((self._folder / "manifest.json").read_bytes())
            identity, first = manifest["identity"], int(manifest["first"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Foreign(f"its manifest cannot be read: {error!r}") from error
        if identity != self._identity:
            raise Foreign(f"it was written for {identity}, not for {self._identity}")
        for path in [path for path in paths if _number(path) < first]:
            path.unlink()  # forgotten, but for a kill
        paths = [path for path in paths if _number(path) >= first]
        numbers = [_number(path) for path in paths]
        if numbers != list(range(first, first + len(paths))):
            raise Foreign(f"files are missing: there are {numbers}, and {first} is the oldest")
        return paths

    def _begin(self) -> BinaryIO:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = self._paths()
        number = 1 + _number(paths[-1]) if paths else 1
        if not paths:
            self._declare(number)
        self._current = (self._folder / f"{number:08d}.segment").open("xb")
        return self._current

    def _declare(self, first: int) -> None:
        """Say whose the files are and which is the oldest; all or nothing."""
        fresh = self._folder / "manifest.new"
        fresh.write_text(json.dumps({"identity": self._identity, "first": first}))
        fresh.replace(self._folder / "manifest.json")


def _number(path: Path) -> int:
    return int(path.stem)


def _frame_at(data: bytes, begin: int) -> tuple[bytes, int, int] | None:
    """Payload, expiry and end of the frame at a place; None where it is torn or damaged."""
    start = begin + _HEAD.size
    if start > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, begin)
    body = data[start : start + length]
    if len(body) < max(length, _EXPIRES.size) or zlib.crc32(body) != checksum:
        return None
    return body[_EXPIRES.size :], _EXPIRES.unpack_from(body)[0], start + length
