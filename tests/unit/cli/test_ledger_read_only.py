"""A ledger where nothing can be written: every command that reads opens it, and says what cannot be read there."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from driftline.ledger.store import LedgerWriter
from tests.unit.ledger.ledger_builders import KEY, draft, grow, ledger, writer_at

Run = Callable[..., tuple[int, str, str]]
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter, which those of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="driftline-read-only-"))
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.fixture
def locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Take the right to write in the folder away, also from root."""

    def lock() -> None:
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)

    before = os.geteuid()
    yield lock
    os.seteuid(before)


@pytest.fixture
def run(command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("DRIFTLINE_DATABASE_URL", "DRIFTLINE_LEDGER_SIGNED_FILE", "DRIFTLINE_LEDGER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRIFTLINE_LEDGER_VKEY", KEY.verifier.encode())
    return lambda *words, options="": command("ledger", *words, "--database", f"sqlite:///{folder}/ledger.db{options}")


@pytest.fixture
def copy(tmp_path: Path, folder: Path) -> Path:
    """A ledger of 20 entries that nobody has open."""
    ledger(tmp_path, 20).store.close()
    return Path(shutil.copy(tmp_path / "ledger.db", folder))


READING = (
    ("verify",),
    ("verify", "--jobs", "2"),
    ("entries",),
    ("trail", "--actor", "service:drift"),
    ("export",),
    ("export", "--format", "bundle"),
    ("prove", "--sequence", "3", "--output", "/dev/null"),
    ("stats",),
    ("checkpoint",),
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_reads_needs_no_right_to_write(run: Run, copy: Path, locked: Callable[[], None], words: tuple[str, ...]) -> None:
    before = run(*words)
    locked()
    code, out, err = run(*words)
    assert (code, err) == (0, ""), out
    assert out.split(" in ")[0] == before[1].split(" in ")[0]
    assert [file.name for file in copy.parent.iterdir()] == ["ledger.db"]


def test_a_report_needs_no_right_to_write(run: Run, copy: Path, locked: Callable[[], None]) -> None:
    locked()
    code, out, _ = run("report", "--regime", "sox")
    assert code == 1
    assert f"20 entries of {KEY.verifier.name}" in out


@pytest.mark.parametrize("options", ["?mode=ro&uri=true", "?immutable=1&uri=true"])
def test_options_of_sqlite_in_the_url_are_followed(run: Run, copy: Path, locked: Callable[[], None], options: str) -> None:
    locked()
    assert run("verify", options=options)[0] == 0


def test_a_name_with_signs_of_urls_is_found(command: Run, copy: Path, run: Run, locked: Callable[[], None]) -> None:
    odd = copy.rename(copy.with_name("a b#1.db"))
    locked()
    assert command("ledger", "verify", "--database", f"sqlite:///{odd}")[0] == 0


@pytest.fixture
def in_use(tmp_path: Path) -> Iterator[LedgerWriter]:
    """A ledger of which the newest entries are in the write-ahead log only."""
    ledger(tmp_path, 20).store.close()
    writer = writer_at(tmp_path)
    with closing(writer.store):
        grow(writer, [[draft(n) for n in range(20, 25)]])
        yield writer


def test_a_copy_without_its_newest_entries_is_refused_with_what_to_do(
    run: Run, in_use: LedgerWriter, tmp_path: Path, folder: Path, locked: Callable[[], None]
) -> None:
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copy(tmp_path / name, folder)
    locked()
    code, _, err = run("verify")
    assert code == 2
    assert "not whole by itself" in err
    assert "ledger.db-wal together to a folder that you can write" in err


def test_the_write_ahead_log_is_read_where_its_index_is_there(
    run: Run, in_use: LedgerWriter, tmp_path: Path, folder: Path, locked: Callable[[], None]
) -> None:
    for file in tmp_path.glob("ledger.db*"):
        shutil.copy(file, folder)
    locked()
    code, out, _ = run("verify")
    assert code == 0
    assert "valid: 25 entries" in out


def test_the_doctor_says_that_it_has_to_write(run: Run, copy: Path, locked: Callable[[], None]) -> None:
    locked()
    code, _, err = run("doctor")
    assert code == 2
    assert "tried on the living database" in err


def test_what_appends_says_that_nothing_can_be_written(
    run: Run, copy: Path, locked: Callable[[], None], tmp_path: Path
) -> None:
    key = copy.with_name("key")
    key.write_text(KEY.encode())
    locked()
    code, _, err = run("review", "--actor", "carol", "--reason", "monthly", "--key-file", key)
    assert code == 2
    assert "can only be read here" in err
