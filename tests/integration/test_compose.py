"""docker-compose.yml is valid and holds what it promises."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {path.name for path in (ROOT / "services").iterdir() if (path / "__main__.py").exists()}
pytestmark = pytest.mark.integration


def compose() -> list[str]:
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither `docker compose` nor docker-compose is installed (Debian: docker-compose)")


def config(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [*compose(), "-f", str(ROOT / "docker-compose.yml"), "config"]
    clean = {key: value for key, value in os.environ.items() if not key.endswith("_PASSWORD")}
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=False)


def test_compose_config_accepts_the_file_and_every_service_is_in_it():
    done = config(POSTGRES_PASSWORD="x", GRAFANA_PASSWORD="x")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) >= SERVICES | {"kafka", "postgres", "redis", "prometheus", "grafana", "mail"}
    for name in SERVICES:
        assert services[name]["build"]["args"]["SERVICE"] == name


def test_no_password_has_a_default():
    done = config()
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr
