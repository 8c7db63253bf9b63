"""The last-signed file: one whole note at any moment, written in place where it can be."""

import fcntl
import io
import threading
from pathlib import Path
from typing import Any

import pytest

from driftline.ledger.checkpoint import Checkpoint, Note, SigningKey, sign_checkpoint
from driftline.ledger.errors import RollbackDetected
from driftline.ledger.store import LastSigned
from tests.unit.ledger.ledger_builders import KEY


def advance(signed: LastSigned, size: int, key: SigningKey = KEY) -> bool:
    checkpoint = Checkpoint(key.verifier.name, size, bytes(32))
    return signed.advance(checkpoint, sign_checkpoint(checkpoint, key))


def read(signed: LastSigned) -> int:
    last = signed.read()
    assert last is not None
    return last.size


def test_a_note_as_long_as_the_last_is_written_over_it_and_a_longer_one_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "signed"
    signed = LastSigned(path, KEY.verifier)
    files = []
    for size in (8, 9, 10, 11):
        assert advance(signed, size)
        assert (read(signed), read(LastSigned(path, KEY.verifier))) == (size, size)
        files.append(path.stat().st_ino)
    assert files[0] == files[1] != files[2] == files[3]


def test_a_note_that_a_disk_may_write_in_two_parts_is_never_written_over(tmp_path: Path) -> None:
    key = SigningKey("a" * 200 + "/log", bytes(32))
    path = tmp_path / "signed"
    signed = LastSigned(path, key.verifier)
    advance(signed, 1, key)
    assert path.stat().st_size > 512
    before = path.stat().st_ino
    advance(signed, 2, key)
    assert path.stat().st_ino != before
    assert read(signed) == 2


def test_the_file_is_not_read_while_it_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "signed"
    signed = LastSigned(path, KEY.verifier)
    advance(signed, 1)
    newer = sign_checkpoint(Checkpoint(KEY.verifier.name, 2, bytes(32)), KEY).encode()
    found: list[int] = []
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(newer[:60])
        reader = threading.Thread(target=lambda: found.append(read(signed)))
        reader.start()
        file.write(newer[60:])
    reader.join(5)
    assert found == [2]


def test_who_reads_the_file_does_not_hold_up_who_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "signed"
    signed = LastSigned(path, KEY.verifier)
    advance(signed, 1)
    with path.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        before = reader.read(40)
        advance(signed, 2)
        assert Note.parse(before + reader.read()).text.splitlines()[1] == "1"
    assert read(signed) == 2


def test_a_file_of_somebody_else_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "signed"
    signed = LastSigned(path, KEY.verifier)
    advance(signed, 1)

    def denied(file: Path, mode: str = "r", **how: Any) -> Any:
        if "+" in mode:
            raise PermissionError(13, "denied", str(file))
        return io.open(file, mode, **how)  # noqa: UP020 - the method is what is replaced

    monkeypatch.setattr(Path, "open", denied)
    advance(signed, 2)
    assert read(signed) == 2


def test_a_file_that_changed_is_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "signed"
    signed = LastSigned(path, KEY.verifier)
    advance(signed, 5)
    path.write_text(path.read_text().replace("\n5\n", "\n4\n"))
    with pytest.raises(RollbackDetected, match="not a head that this ledger signed"):
        signed.read()
    with pytest.raises(RollbackDetected):
        advance(signed, 6)
