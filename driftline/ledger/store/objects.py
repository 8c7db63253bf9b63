"""Where archives lie: a folder or a bucket, by URL (`file:///archive`, `s3://bucket/ledger`; fsspec knows which there are)."""

from __future__ import annotations

import os
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any, Protocol

from driftline.ledger.errors import LedgerUnavailable

__all__ = ["Objects", "UrlObjects", "put_once"]


class Objects(Protocol):
    """Named objects that are written once."""

    def get(self, name: str) -> bytes | None:
        """Return an object, None if there is none."""
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

    def get(self, name: str) -> bytes | None:
        """Return an object, None if there is none."""
        try:
            data: bytes = self._files.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        except Exception as error:  # each kind of storage has its own
            raise LedgerUnavailable(f"the archive {self._url} cannot be read: {error}") from error
        return data

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
