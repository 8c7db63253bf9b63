"""Rules, runbooks, dashboards, metrics and commands speak of the same things."""

import importlib
import re
from pathlib import Path

import pytest
import typer
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from driftline import cli
from driftline.runtime.metrics import LoopMetrics

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = ROOT / "deploy" / "prometheus" / "rules"
SERVICES = ("ingest", "drift", "alerting", "audit", "governance", "console")
SECTIONS = ["Meaning", "Impact", "First three commands", "When to wake whom"]


def rules():
    return [
        rule
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def names_of(metric):
    """Every series name that a metric gives."""
    name, kind = metric._name, metric._type
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[kind]
    return {name + ending for ending in endings}


def known_metrics():
    found = set()
    for service in SERVICES:
        for metric in vars(importlib.import_module(f"services.{service}.metrics")).values():
            if isinstance(metric, MetricWrapperBase):
                found |= names_of(metric)
    for metric in vars(LoopMetrics(CollectorRegistry())).values():
        found |= names_of(metric)
    return found


def used_metrics(expression):
    return set(re.findall(r"\bdriftline_[a-z_]+\b", expression))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_rule_has_a_runbook_that_it_links_to(rule):
    text = (RUNBOOKS / f"{rule['alert']}.md").read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    assert rule["annotations"]["runbook_url"] == f"/runbooks/{rule['alert']}"
    assert f"severity `{rule['labels']['severity']}`" in text
    assert [heading for heading in re.findall(r"^## (.*)$", text, re.MULTILINE) if heading in SECTIONS] == SECTIONS


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_rule_speaks_of_metrics_that_a_service_has(rule):
    assert used_metrics(rule["expr"]) <= known_metrics()
    assert used_metrics(rule["expr"]) or "up{" in rule["expr"]


def test_every_runbook_of_a_prometheus_alert_has_its_rule():
    alerts = {rule["alert"] for rule in rules()}
    assert {path.stem for path in RUNBOOKS.glob("Driftline*.md")} == alerts
    assert len(alerts) == len(rules())


def commands_in(path):
    fenced = re.findall(r"```[a-z]*\n(.*?)```", path.read_text(), re.DOTALL)
    lines = [line.split("#")[0] for block in fenced for line in block.splitlines()]
    inline = re.findall(r"`(driftline [a-z-]+ [^`]*)`", path.read_text())
    return [part.split() for line in [*lines, *inline] for part in line.split("|") if re.match(r"\s*driftline\b", part)]


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_every_command_of_a_runbook_exists_with_its_options(path):
    for _, *rest in commands_in(path):
        command = typer.main.get_command(cli._application(rest[:1]))
        while commands := getattr(command, "commands", {}):
            assert rest[0] in commands, f"driftline ... {' '.join(rest)}"
            command = commands[rest.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("-")} <= options, f"{command.name} {' '.join(rest)}"


def test_prometheus_scrapes_the_six_services():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "driftline"
    assert {static["labels"]["service"] for static in job["static_configs"]} == set(SERVICES)
    targets = [target for static in job["static_configs"] for target in static["targets"]]
    assert targets == [f"{service}:8080" for service in SERVICES]
