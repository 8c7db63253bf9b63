import ctypes
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import driftline
from driftline.avro.jit import choose_cache

PACKAGE = Path(driftline.__file__).parent
MALFORMED = "mutated or random or truncated or grow or order or row_by_row"
DECODE = (
    "from driftline.avro import compile_schema;"
    "p = compile_schema({'type':'record','name':'R','fields':[{'name':'x','type':'long'}]});"
    "assert p.decode([b'\\x06']).row(0) == {'x': 3};"
    "from driftline.avro.jit import cache_directory; print(cache_directory())"
)


def _bound_by_permissions():
    """Root, too, may write only where the permission bits let it (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def run(code, environment, where):
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    search = os.pathsep.join([str(where), *(path for path in sys.path if "site-packages" in path)])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_bound_by_permissions,
    )


def read_only_install(where):
    shutil.copytree(PACKAGE, where / "driftline", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [where, *where.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return where


@pytest.fixture
def install(tmp_path_factory):
    """A copy of the package that cannot be written."""
    return read_only_install(tmp_path_factory.mktemp("install"))


def test_a_read_only_install_keeps_its_kernels_in_the_temporary_directory_and_uses_baked_ones(install, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    result = run(DECODE, {"HOME": str(install), "TMPDIR": str(first)}, install)

    assert result.returncode == 0, result.stderr
    baked = Path(result.stdout.strip())
    assert baked.is_relative_to(first)
    assert list(baked.rglob("*.nbc"))

    for path in [*baked.rglob("*"), baked]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    hits = DECODE + "; from driftline.avro import kernels; print(sum(kernels.decode_rows.stats.cache_hits.values()))"
    result = run(hits, {"HOME": str(install), "NUMBA_CACHE_DIR": str(baked), "TMPDIR": str(second)}, install)

    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.split()[0]).is_relative_to(second)
    assert result.stdout.split()[1] == "1", "the kernel was compiled again"


def test_where_nothing_at_all_can_be_written_the_decoder_works_without_a_cache(install):
    code = f"import tempfile; tempfile.tempdir = {str(install)!r}; {DECODE}"

    result = run(code, {"HOME": str(install)}, install)

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "None"


def test_the_decoder_stays_inside_its_arrays_with_bounds_checks_on(tmp_path):
    """numba checks no index by default; here it does, over the tests that try malformed bytes."""
    tests = Path(__file__).with_name("test_program.py")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", MALFORMED, str(tests)],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout[-3000:]


def test_a_given_directory_is_used_when_it_can_be_written(tmp_path):
    assert choose_cache({"NUMBA_CACHE_DIR": str(tmp_path / "given")}, temporary=tmp_path / "t") == tmp_path / "given"


def test_the_users_cache_is_the_default(tmp_path):
    home = tmp_path / "home"
    assert choose_cache({"HOME": str(home)}, temporary=tmp_path) == home / ".cache/driftline/kernels"
    assert choose_cache({"HOME": "/x", "XDG_CACHE_HOME": str(home)}, temporary=tmp_path) == home / "driftline/kernels"


def test_a_temporary_directory_that_others_can_write_is_not_trusted(tmp_path):
    scratch = tmp_path / f"driftline-kernels-{os.getuid()}"
    scratch.mkdir()
    scratch.chmod(0o777)

    assert choose_cache({"HOME": "/proc"}, temporary=tmp_path) is None

    scratch.chmod(0o700)
    assert choose_cache({"HOME": "/proc"}, temporary=tmp_path) == scratch
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
