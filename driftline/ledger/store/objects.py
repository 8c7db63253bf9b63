"""Where archives lie: a folder or a bucket, by URL (`file:///archive`, `s3://bucket/ledger`; fsspec knows which there are)."""

from __future__ import annotations

import os
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any, Final, Protocol

from driftline.ledger.errors import LedgerUnavailable
from driftline.wording import amount

__all__ = ["LARGEST_OBJECT", "ObjectTooLarge", "Objects", "UrlObjects", "put_once"]

LARGEST_OBJECT: Final = 1 << 32
"""Bytes: twice what 2000 payloads of the largest record that Kafka takes by default are together."""
_PIECE: Final = 1 << 20


class ObjectTooLarge(LedgerUnavailable):
    """An object that is larger than anything that a ledger writes there."""


class Objects(Protocol):
    """Named objects that are written once."""

    def get(self, name: str, largest: int = LARGEST_OBJECT) -> bytes | None:
        """Return an object, None if there is none; raises ObjectTooLarge for one of more than `largest` bytes."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object durably."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of all objects in a folder and below it, sorted."""
        ...


class UrlObjects:
    """The objects below a URL; raises LedgerUnavailable for one that cannot be reached."""

    def __init__(self, url: str) -> None:
        """Open the place; what S3 and others need beside fsspec must be installed."""
        import fsspec

        self._url = url
        try:
            self._files, self._root = fsspec.url_to_fs(url, auto_mkdir=True) if _local(url) else fsspec.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise LedgerUnavailable(f"the archive {url} cannot be used: {error}") from error

    def get(self, name: str, largest: int = LARGEST_OBJECT) -> bytes | None:
        """Return an object, None if there is none; raises ObjectTooLarge for one of more than `largest` bytes."""
        try:
            data = self._read(self._path(name), largest)
        except FileNotFoundError:
            return None
        except Exception as error:  # each kind of storage has its own
            raise LedgerUnavailable(f"the archive {self._url} cannot be read: {error}") from error
        if data is None:
            raise ObjectTooLarge(
                f"{name} in the archive {self._url} has more than {amount(largest, 'byte')}: the ledger wrote none so large"
            )
        return data

    def _read(self, path: str, largest: int) -> bytes | None:
        """Return the bytes; None for too many, of which no more are read."""
        if not self._url.startswith(("http://", "https://")):
            data: bytes | None = self._files.cat_file(path) if self._files.size(path) <= largest else None
            return data
        pieces: list[bytes] = []
        with self._files.open(path, "rb", block_size=0) as stream:  # what a server says of the size binds nobody
            while piece := stream.read(_PIECE):
                pieces.append(piece)
                if (largest := largest - len(piece)) < 0:
                    return None
        return b"".join(pieces)

    def put(self, name: str, data: bytes) -> None:
        """Write an object durably."""
        try:
            with self._files.open(self._path(name), "wb") as file:
                file.write(data)
                file.flush()
                _sync(file)
        except Exception as error:
            raise LedgerUnavailable(f"the archive {self._url} cannot be written: {error}") from error

    def names(self, folder: str) -> list[str]:
        """Return the names of all objects in a folder and below it, sorted."""
        try:
            found = self._files.find(self._path(folder))
        except FileNotFoundError:
            return []
        except Exception as error:
            raise LedgerUnavailable(f"the archive {self._url} cannot be read: {error}") from error
        return sorted(path[len(self._path("")) :] for path in found)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def put_once(objects: Objects, name: str, data: bytes) -> None:
    """Write an object unless it is there, and read it back; raises LedgerUnavailable if what comes back is something else."""
    found = objects.get(name)
    if found is None:
        objects.put(name, data)
        found = objects.get(name)
    if found != data:
        raise LedgerUnavailable(f"the archive holds something else as {name}; nothing was taken out of the ledger")


def _local(url: str) -> bool:
    return "://" not in url or url.startswith(("file://", "local://"))


def _sync(file: Any) -> None:
    """Wait until a local file is on the disk; a bucket answers when it has it."""
    with suppress(AttributeError, UnsupportedOperation):
        os.fsync(file.fileno())
