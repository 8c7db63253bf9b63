"""What is wrong with an option is said by the name of the option, not of the variable that it overrides."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.alerting.app import main


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("DRIFTLINE_")]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "/nowhere.yaml"], "--config=/nowhere.yaml cannot be read: No such file or directory"),
        (["--listen", "localhost:http"], "wrong settings: --listen is refused: Input should be a valid integer"),
        (["--data", "/dev/null/x"], "cannot write to the folder /dev/null/x: Not a directory; name another one with --data"),
    ],
)
def test_the_option_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--alone", *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"driftline alerting: {said}")


def test_a_database_that_alerting_does_not_know_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["DRIFTLINE_DATABASE_URL"] = "mysql://u:secret@db.example.org/x"
    assert main(["--alone"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        "driftline alerting: DRIFTLINE_DATABASE_URL: alerting keeps its tables in SQLite or PostgreSQL, not in mysql"
    )
    assert "secret" not in error


def test_a_file_that_is_no_database_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "alerting.db").write_bytes(b"no database" * 1_000)
    assert main(["--alone", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("cannot be used: file is not a database")


def test_what_was_not_typed_keeps_the_name_of_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["DRIFTLINE_ALERTING_CONFIG"] = "/nowhere.yaml"
    assert main(["--alone"]) == 2
    assert "DRIFTLINE_ALERTING_CONFIG=/nowhere.yaml" in capsys.readouterr().err
