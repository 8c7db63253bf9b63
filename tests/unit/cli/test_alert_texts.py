"""`driftline alert templates test` and `check-config` for own texts; no service is asked."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftline.cli.alert import app
from tests.unit.alerting.channels.notices import body

CONFIG = """
templates: [macros.j2]
route: {receiver: team}
receivers:
  - name: team
    slack_configs:
      - api_url: https://hooks.example.com/x
        title: '{{ priority }} {{ commonLabels.instance }}'
        text: '{% import "macros.j2" as m %}{{ m.of(alerts) }}'
  - name: plain
    slack_configs: [{api_url: https://hooks.example.com/x}]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "macros.j2").write_text("{% macro of(alerts) %}{{ alerts | length }} alerts{% endmacro %}", encoding="utf-8")
    (tmp_path / "alerts.yml").write_text(CONFIG, encoding="utf-8")
    return str(tmp_path / "alerts.yml")


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words, catch_exceptions=True)
    return done.exit_code, done.output if done.exception is None or isinstance(done.exception, SystemExit) else str(
        done.exception
    )


def test_texts_are_shown_of_a_sample(config: str) -> None:
    assert run("check-config", config)[0] == 0
    code, said = run("templates", "test", "--config", config, "--receiver", "team")
    assert (code, said.splitlines()) == (0, ["team/slack/0 text: 2 alerts", "team/slack/0 title: high instance"])


def test_texts_are_shown_of_given_alerts(config: str, tmp_path: Path) -> None:
    posted = [{"labels": {"alertname": "Disk", "instance": "db-1", "severity": "page"}, "startsAt": "2025-01-01T00:00:00Z"}]
    alerts = tmp_path / "alerts.json"
    alerts.write_text(json.dumps(posted), encoding="utf-8")
    words = ("templates", "test", "--config", config, "--receiver", "team", "--alerts", str(alerts))
    assert run(*words, "--field", "title") == (0, "team/slack/0 title: critical db-1\n")
    alerts.write_bytes(body()[1])
    code, said = run(*words, "--json")
    assert code == 1
    first, second = json.loads(said)
    assert (first["text"], first["failed"]) == ("1 alerts", False)
    assert (second["text"], second["failed"]) == ("line 1: there is no 'instance'", True)
    for wrong in ("[{}]", "{}", "nothing", "[1]", '[{"labels": {"a": "b"}, "startsAt": "x"}]', "[]"):
        alerts.write_text(wrong, encoding="utf-8")
        assert "cannot be read" in run(*words)[1]


def test_what_cannot_be_shown_is_said(config: str) -> None:
    assert "no receiver 'x'" in run("templates", "test", "--config", config, "--receiver", "x")[1]
    assert "no texts of its own" in run("templates", "test", "--config", config, "--receiver", "plain")[1]
    assert "it has text, title" in run("templates", "test", "--config", config, "--receiver", "team", "--field", "x")[1]
