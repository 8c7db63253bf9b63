"""The last signed head, in a file that is not the database: it refuses a database that was put back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from driftline.ledger.errors import LedgerUnavailable, NoteMalformed, RollbackDetected, SignatureInvalid
from driftline.wording import amount

__all__ = ["LastSigned", "cosigner_file", "signed_file"]

_SECTOR: Final = 512
"""Bytes that a disk writes whole or not at all, also when the power fails; PostgreSQL counts on it for its control file."""


def signed_file(key_file: Path) -> Path:
    """Return where the last signed head of the ledger with this key is kept: beside the key, not beside the database."""
    return key_file.with_name(key_file.name + ".last-signed")


def cosigner_file(key_file: Path) -> Path:
    """Return where the keys are by which the ledger with this key cosigns its own heads, if it has any."""
    return key_file.with_name(key_file.name + ".cosigner")


class LastSigned:
    """One signed note in one file, which only ever moves forward; safe among processes of one machine."""

    def __init__(self, path: Path, key: VerifierKey) -> None:
        self._path = path
        self._key = key
        self._checked: tuple[str, Checkpoint] | None = None

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return self._path

    def read(self) -> Checkpoint | None:
        """Return the head, None when there is no file; raises RollbackDetected for a file that was tampered with."""
        try:
            with self._path.open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # not while it is written over
                note = file.read()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{self._path} cannot be read: {error}"
            raise LedgerUnavailable(msg) from error
        if self._checked is not None and self._checked[0] == note:
            return self._checked[1]
        try:
            return open_checkpoint(note, self._key)
        except (NoteMalformed, SignatureInvalid) as error:
            msg = (
                f"{self._path} is not a head that this ledger signed: {error}; after `driftline ledger rotate-key` start again "
                "with the new key, else run `driftline ledger verify`: somebody changed the file"
            )
            raise RollbackDetected(msg) from error

    def advance(self, checkpoint: Checkpoint, note: str) -> bool:
        """Make this the last signed head, durably; False when a later one is there already.

        Raises RollbackDetected when another root was signed for the same size.
        """
        with self._locked():
            last = self.read()
            if last is not None and last.size == checkpoint.size and last.root != checkpoint.root:
                msg = f"two different ledgers of {amount(last.size, 'entry')}: the database is not the one that was signed"
                raise RollbackDetected(msg)
            if last is not None and last.size > checkpoint.size:
                return False
            if last is None or last.size < checkpoint.size:
                self._write(note)
                self._checked = note, checkpoint
            return True

    def hand_over(self, to: Callable[[Checkpoint], str]) -> Checkpoint:
        """Put the last signed head there by another key; returns the head. Nobody signs in the meantime.

        `to` puts the other key in the place of this one, and returns its note of the head. Raises LedgerUnavailable where
        nothing is signed.
        """
        with self._locked():
            last = self.read()
            if last is None:
                raise LedgerUnavailable(f"{self._path} holds no signed head: start the ledger once with its key")
            self._write(to(last))
            return last

    def _write(self, note: str) -> None:
        """Put a note there, whole or not at all; one as long as the last (nearly all are) waits for the disk once."""
        data = note.encode()
        if not self._written_over(data):
            self._replace(data)

    def _written_over(self, data: bytes) -> bool:
        """Write over the note that is there; not where a disk could write half of it, nor while somebody reads."""
        try:
            file = self._path.open("r+b", buffering=0)
        except (FileNotFoundError, PermissionError):
            return False
        with file:
            if len(data) > _SECTOR or os.fstat(file.fileno()).st_size != len(data):
                return False
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            file.write(data)
            getattr(os, "fdatasync", os.fsync)(file.fileno())  # macOS has only fsync
        return True

    def _replace(self, data: bytes) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
