"""`make demo-response` on a Kafka of its own: the traffic goes back to the good version, and that is found to help."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


def test_the_traffic_leaves_the_bad_version_and_the_plan_is_effective(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.serving.demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    days = [line.split()[3] for line in done.stdout.splitlines() if line.startswith("day ")]
    assert days[:5] == ["1", "1", "1", "2", "2"]
    assert set(days[5:]) == {"1"}
    assert "version 1 serves again, and that helped" in done.stdout
