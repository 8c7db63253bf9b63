"""`driftline topics` on the in-memory twin."""

from __future__ import annotations

import json

import pytest

from driftline import topics
from driftline.cli import topics as noun
from driftline.clock import ManualClock
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic


@pytest.fixture
def cluster(monkeypatch):
    made = MemoryCluster(ManualClock())
    monkeypatch.setattr(noun, "cluster", lambda _bootstrap: made)
    return made


@pytest.fixture
def run(command):
    return lambda *words: command("topics", *words)


def test_every_declared_topic_is_created_and_a_second_time_nothing_happens(cluster, run):
    declared = sorted(declaration.name for declaration in topics.catalogue().values())
    code, out, _ = run("apply", "--json")
    assert (code, sorted(json.loads(out)["created"])) == (0, declared)
    assert cluster.admin().topic_names() == declared
    assert json.loads(run("apply", "--json")[1])["created"] == []
    assert run("diff")[0] == 0


def test_a_wrong_setting_is_found_and_corrected(cluster, run):
    run("apply")
    cluster.admin().configure(topics.name("health"), {"retention.ms": "1"})
    code, out, _ = run("diff")
    assert code == 1
    assert "retention.ms 1" in out
    assert run("apply")[0] == 0
    assert run("diff")[0] == 0


def test_another_partition_count_cannot_be_corrected(cluster, run):
    cluster.admin().create([NewTopic(topics.name("health"), 9)])
    code, _, err = run("apply")
    assert code == 1
    assert "fixed for life" in err


def test_a_dry_run_creates_nothing(cluster, run):
    code, out, _ = run("apply", "--dry-run")
    assert code == 0
    assert "would create: driftline.predictions" in out
    assert cluster.admin().topic_names() == []


def test_the_list_needs_no_broker(run):
    code, out, _ = run("list", "--json")
    assert code == 0
    assert {"driftline.predictions", "driftline.states"} <= {one["name"] for one in json.loads(out)}


def test_without_a_broker_the_command_says_what_to_set(run, monkeypatch):
    monkeypatch.delenv("DRIFTLINE_KAFKA_BOOTSTRAP", raising=False)
    code, _, err = run("diff")
    assert code == 2
    assert "DRIFTLINE_KAFKA_BOOTSTRAP" in err
