"""driftline.cli: the front door."""

import subprocess
import sys

import pytest

from driftline import cli


def test_version_is_printed(command):
    assert command("--version")[:2] == (0, "driftline 0.1.0\n")


@pytest.mark.parametrize("words", [["nonsense"], ["baseline", "fit"], ["baseline", "fit", "x", "--nonsense"]])
def test_wrong_usage_ends_with_2_and_explains_itself(words, command):
    code, _, err = command(*words)
    assert code == 2
    assert "Usage" in err


def test_an_error_of_ours_is_one_sentence_without_traceback(command):
    code, out, err = command("baseline", "fit", "no-such-file.csv", "--model", "m")
    assert (code, out, err) == (2, "", "driftline: cannot read no-such-file.csv: No such file or directory\n")


@pytest.mark.parametrize("noun", cli.NOUNS)
def test_every_noun_explains_itself(noun, command):
    code, out, _ = command(noun, "--help")
    assert code == 0
    assert "Commands" in out or "Arguments" in out


def test_help_imports_no_heavy_library():
    script = (
        "import sys, driftline.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'numba', 'faust', 'fastapi', 'sqlalchemy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_a_baseline_is_fitted_with_what_a_producer_has(tmp_path):
    """The SDK and the command line need neither numba nor scipy: `pip install driftline` is enough."""
    (tmp_path / "rows.csv").write_text("x,p\n" + "".join(f"{i}.5,{'yes' if i % 2 else 'no'}\n" for i in range(100)))
    script = (
        "import sys, driftline.cli.baseline as b; from pathlib import Path\n"
        f"b.fit_file(Path({str(tmp_path / 'rows.csv')!r}), model='m', prediction='p', sampled=True)\n"
        "print(sorted({'numba', 'scipy', 'sqlglot', 'river', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
