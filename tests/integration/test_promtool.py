"""Prometheus' own tool reads the configuration, the rules, their tests and every panel's query."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (apt-get install prometheus)"),
]


def promtool(*words):
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_configuration_is_valid():
    code, said = promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert code == 0, said


@pytest.mark.parametrize("path", sorted((DEPLOY / "prometheus" / "rules").glob("*.yml")), ids=lambda path: path.stem)
def test_the_rules_are_valid(path):
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", path)
    assert code == 0, said


@pytest.mark.parametrize("path", sorted((DEPLOY / "prometheus" / "tests").glob("*.yml")), ids=lambda path: path.stem)
def test_the_rules_fire_when_they_should_and_only_then(path):
    code, said = promtool("test", "rules", path)
    assert code == 0, said


def test_every_query_of_the_dashboard_is_promql(tmp_path):
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "driftline.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:query:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    code, said = promtool("check", "rules", path)
    assert code == 0, said


def test_a_broken_rule_would_be_noticed(tmp_path):
    path = tmp_path / "broken.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "sum by (x (up)"}]}]}))
    assert promtool("check", "rules", path)[0] != 0
