"""`driftline ledger rotate-key`: heads before by the old key, after by the new one, and nothing new by the old one."""

import json
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftline.ledger.checkpoint import Checkpoint, SigningKey, VerifierKey, open_checkpoint, sign_checkpoint
from driftline.ledger.errors import KeyMalformed, RollbackDetected, SignatureInvalid
from driftline.ledger.store import LedgerWriter, open_writer
from driftline.ledger.store.signed import LastSigned
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, Salts, draft, grow, ledger

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ledger(tmp_path, 20).store.close()
    (tmp_path / "key").write_text(KEY.encode() + "\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "last-signed").rename(tmp_path / "key.last-signed")
    for name in (
        "DRIFTLINE_LEDGER_SIGNED_FILE",
        "DRIFTLINE_LEDGER_VKEY",
        "DRIFTLINE_LEDGER_ANCHOR_URL",
        "DRIFTLINE_LEDGER_ARCHIVE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRIFTLINE_LEDGER_KEY_FILE", str(tmp_path / "key"))
    return tmp_path


@pytest.fixture
def run(house: Path, command: Callable[..., tuple[int, str, str]]) -> Run:
    def call(*words: str) -> tuple[int, Any]:
        code, out, err = command("ledger", *words, "--database", f"sqlite:///{house}/ledger.db", "--json")
        return code, json.loads(out) if out else err

    return call


def rotate(run: Run) -> dict[str, Any]:
    code, said = run("rotate-key", "--actor", "carol", "--reason", "yearly")
    assert code == 0
    return said


def opened(folder: Path, key: SigningKey) -> LedgerWriter:
    return open_writer(f"sqlite:///{folder}/ledger.db", key, signed_path=folder / "key.last-signed", random=Salts())[0]


def test_the_ledger_goes_on_with_the_new_key_and_verifies_as_a_whole(house: Path, run: Run) -> None:
    said = rotate(run)
    key = SigningKey.parse((house / "key").read_text())
    assert (said["sequence"], said["until"], said["former"]) == (20, 21, KEY.verifier.encode())
    assert said["vkey"] == key.verifier.encode() != KEY.verifier.encode()
    assert stat.S_IMODE((house / "key").stat().st_mode) == 0o600
    assert KEY.encode() not in (house / "key").read_text()
    grow(opened(house, key), [[draft(number) for number in range(20, 40)]])
    code, report = run("verify")
    assert (code, report["verdict"], report["head"]["signed_size"]) == (0, "valid", 41)
    assert run("verify", "--key", key.verifier.encode())[0] == 1  # without its former key: heads that it did not sign


def test_the_change_is_an_entry(run: Run) -> None:
    said = rotate(run)
    _, found = run("entries", "--action", "ledger.key_rotated")
    ((entry),) = found["entries"]
    assert entry["seq"] == said["sequence"]


def test_keys_change_again_and_again(house: Path, run: Run) -> None:
    for _ in range(3):
        rotate(run)
    key = VerifierKey.parse((house / "key.vkey").read_text())
    assert [former.until for former in key.former] == [23, 22, 21]
    assert run("verify")[0] == 0


def test_who_still_runs_with_the_old_key_stops(house: Path, run: Run) -> None:
    running = opened(house, KEY)
    rotate(run)
    with pytest.raises(RollbackDetected):
        grow(running, [[draft(number) for number in range(20, 25)]])


def test_the_key_changes_under_whoever_goes_on_signing(house: Path, run: Run) -> None:
    """However the two interleave: what the old key signed is good, the writer stops, and the new key goes on."""
    for _ in range(5):
        key = SigningKey.parse((house / "key").read_text())
        running, first = opened(house, key), threading.Event()

        def sign_on(running: LedgerWriter = running, first: threading.Event = first) -> None:
            with suppress(RollbackDetected):
                while True:
                    running.append([replace(draft(0, source=None), entry_id=os.urandom(16))], [], now=2_000)
                    first.set()

        writer = threading.Thread(target=sign_on)
        writer.start()
        first.wait()
        said = rotate(run)
        writer.join(10.0)
        assert not writer.is_alive()
        assert run("verify")[0] == 0
        new = SigningKey.parse((house / "key").read_text())
        assert opened(house, new).size >= said["until"]
    assert run("verify")[1]["verdict"] == "valid"


def test_the_old_key_signs_nothing_new(house: Path, run: Run) -> None:
    rotate(run)
    key = VerifierKey.parse((house / "key.vkey").read_text())
    assert open_checkpoint(sign_checkpoint(Checkpoint(ORIGIN, 21, bytes(32)), KEY), key).size == 21
    with pytest.raises(SignatureInvalid):
        open_checkpoint(sign_checkpoint(Checkpoint(ORIGIN, 22, bytes(32)), KEY), key)
    assert LastSigned(house / "key.last-signed", VerifierKey(key.name, key.public)).read() is not None


@pytest.mark.parametrize(
    "lines",
    [
        f"{KEY.verifier.encode()} until 5",
        f"{KEY.verifier.encode()}\n{KEY.verifier.encode()}",
        f"{KEY.verifier.encode()}\n{KEY.verifier.encode()} until",
        f"{KEY.verifier.encode()}\n{KEY.verifier.encode()} until -1",
        f"{KEY.verifier.encode()}\n{KEY.verifier.encode()} until 05",
        f"{KEY.verifier.encode()}\n{SigningKey('other', bytes(32)).verifier.encode()}",
    ],
)
def test_other_lines_are_no_key_of_one_log(lines: str) -> None:
    with pytest.raises(KeyMalformed):
        VerifierKey.parse(lines)


def test_key_files_with_former_keys_survive_a_round_trip() -> None:
    key = KEY.successor(bytes(32), 7).successor(b"\1" * 32, 9)
    again = SigningKey.parse(key.encode() + "\n")
    assert again.verifier == key.verifier
    assert VerifierKey.parse(key.verifier.lines()) == key.verifier
    assert [former.until for former in again.verifier.former] == [9, 7]
