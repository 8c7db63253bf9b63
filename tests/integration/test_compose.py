"""docker-compose.yml is valid and holds what it promises."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from services.audit.settings import AuditSettings

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


def source_and_target(volume: str | dict[str, str]) -> tuple[str, str]:
    """Either Compose says it in its own way."""
    if isinstance(volume, str):
        source, target, *_ = volume.split(":")
        return source, target
    return volume["source"], volume["target"]


def test_the_witness_shares_no_volume_with_the_ledger_and_the_ledger_has_a_policy_and_an_archive():
    done = config(POSTGRES_PASSWORD="x", GRAFANA_PASSWORD="x", DRIFTLINE_LEDGER_ARCHIVE_SECONDS="3600")
    services = yaml.safe_load(done.stdout)["services"]
    volumes = {name: dict(map(source_and_target, found.get("volumes", []))) for name, found in services.items()}
    assert not volumes["witness"].keys() & volumes["audit"].keys()
    told = services["audit"]["environment"]
    assert told["DRIFTLINE_LEDGER_POLICY_FILE"].startswith(volumes["audit"]["state"])
    for name in ("ARCHIVE", "REPORT"):
        assert told[f"DRIFTLINE_LEDGER_{name}_URL"] == f"file://{volumes['audit']['archive']}"
    assert told["DRIFTLINE_LEDGER_ARCHIVE_SECONDS"] == "3600"


def test_every_setting_of_audit_in_compose_exists_and_none_starts_a_job_by_itself():
    done = config(POSTGRES_PASSWORD="x", GRAFANA_PASSWORD="x")
    told = yaml.safe_load(done.stdout)["services"]["audit"]["environment"]
    known = {f"DRIFTLINE_{field.upper()}" for field in AuditSettings.model_fields}
    assert {name for name in told if name.startswith("DRIFTLINE_LEDGER_")} <= known
    assert {name: value for name, value in told.items() if name.endswith("_SECONDS") and value} == {}
