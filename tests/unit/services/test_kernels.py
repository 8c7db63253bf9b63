import subprocess
import sys
from pathlib import Path

from services import kernels

ROOT = Path(__file__).parents[3]


def test_every_kernel_is_compiled_beforehand():
    sources = [path for folder in ("driftline", "services") for path in (ROOT / folder).rglob("*.py")]
    compiling = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources
        if "from driftline.avro.jit import compiled\n" in path.read_text(encoding="utf-8")
    }
    assert {module for modules in kernels.KERNELS.values() for module in modules} == compiling


def test_a_service_without_kernels_needs_nothing():
    command = [
        sys.executable,
        "-c",
        "import sys; from services.kernels import main; main(['governance']); assert 'numba' not in sys.modules",
    ]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_it_fails_where_nothing_can_be_kept(monkeypatch, capsys):
    monkeypatch.setattr("driftline.avro.jit.cache_directory", lambda: None)
    assert kernels.main(["audit"]) == 2
    assert "NUMBA_CACHE_DIR" in capsys.readouterr().err
