"""The last signed head, in a file that is not the database: it refuses a database that was put back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from driftline.ledger.errors import LedgerUnavailable, NoteMalformed, RollbackDetected, SignatureInvalid

__all__ = ["LastSigned", "cosigner_file", "signed_file"]


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

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return self._path

    def read(self) -> Checkpoint | None:
        """Return the head, None when there is no file; raises RollbackDetected for a file that was tampered with."""
        try:
            note = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{self._path} cannot be read: {error}"
            raise LedgerUnavailable(msg) from error
        try:
            return open_checkpoint(note, self._key)
        except (NoteMalformed, SignatureInvalid) as error:
            msg = f"{self._path} is not a head that this ledger signed: {error}"
            raise RollbackDetected(msg) from error

    def advance(self, checkpoint: Checkpoint, note: str) -> bool:
        """Make this the last signed head, durably; False when a later one is there already.

        Raises RollbackDetected when another root was signed for the same size.
        """
        with self._locked():
            last = self.read()
            if last is not None and last.size == checkpoint.size and last.root != checkpoint.root:
                msg = f"two different ledgers of {last.size} entries: the database is not the one that was signed"
                raise RollbackDetected(msg)
            if last is not None and last.size > checkpoint.size:
                return False
            if last is None or last.size < checkpoint.size:
                self._write(note)
            return True

    def sign_again(self, checkpoint: Checkpoint, note: str) -> None:
        """Put the last signed head there by another key; raises RollbackDetected when it is not that head."""
        with self._locked():
            if self.read() != checkpoint:
                raise RollbackDetected(f"{self._path} does not hold the head of {checkpoint.size} entries any more")
            self._write(note)

    def _write(self, note: str) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(note)
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
