"""The Grafana dashboard fits its grid and shows metrics that exist."""

import importlib
import itertools
import json
import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from driftline.runtime.metrics import LoopMetrics

GRAFANA = Path(__file__).resolve().parents[3] / "deploy" / "grafana"
BOARD = json.loads((GRAFANA / "dashboards" / "driftline.json").read_text())
SERVICES = ("ingest", "drift", "alerting", "audit", "governance", "console")


def test_panels_fit_the_grid_without_overlap():
    cells: list[tuple[int, int]] = []
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells += itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert len(BOARD["uid"]) <= 40


def test_every_panel_says_what_it_shows_from_the_provisioned_source():
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    for panel in BOARD["panels"]:
        assert panel["title"]
        assert panel["targets"]
        assert {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])} == {source["uid"]}


def test_every_panel_asks_for_metrics_that_a_service_has():
    known = {metric._name for metric in vars(LoopMetrics(CollectorRegistry())).values()}
    for service in SERVICES:
        found = vars(importlib.import_module(f"services.{service}.metrics")).values()
        known |= {metric._name for metric in found if isinstance(metric, MetricWrapperBase)}
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"\bdriftline_[a-z_]+\b", target["expr"]):
                assert re.sub(r"_(total|bucket|sum|count)$", "", name) in known, name


def test_the_provisioned_folder_is_the_one_that_compose_mounts():
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "driftline.yml").read_text())["providers"]
    compose = (GRAFANA.parents[1] / "docker-compose.yml").read_text()
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in compose
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in compose
    assert "./deploy/prometheus/rules:/etc/prometheus/rules:ro" in compose
