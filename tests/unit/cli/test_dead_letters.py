"""`driftline dead-letters` on the in-memory twin."""

from __future__ import annotations

import json

import pytest

from driftline import topics
from driftline.cli import dead_letters
from driftline.clock import ManualClock
from driftline.errors import Reason
from driftline.events import DeadLetter
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.dead_letters import REPLAYED_FROM, dead_letter_record
from driftline.runtime.preflight import new_topic

SOURCE = topics.name("predictions")


@pytest.fixture
def cluster(monkeypatch):
    made = MemoryCluster(ManualClock(1_700_000_000_000_000))
    known = topics.catalogue()
    made.admin().create([new_topic(known[name]) for name in ("predictions", "dead-letters")])
    monkeypatch.setattr(dead_letters, "cluster", lambda _bootstrap: made)
    return made


def _refuse(cluster, offset, reason=Reason.UNKNOWN_MODEL, *, partition=2, value=b"bytes"):
    letter = DeadLetter(
        source_topic=SOURCE, source_partition=partition, source_offset=offset, source_time=5, source_key=b"id-1",
        source_value=value, source_headers=(), model_id="m", reason=reason.value, detail="d", rows=(), rejected_by="drift",
    )  # fmt: skip
    record = dead_letter_record(letter)
    cluster.producer().produce(record.topic, record.value, key=record.key, headers=record.headers, partition=0)


@pytest.fixture
def run(command):
    return lambda *words: command("dead-letters", *words)


def test_an_empty_topic_lists_nothing_and_is_fine(cluster, run):
    code, out, _ = run("list")
    assert code == 0
    assert "0 dead letters" in out


def test_letters_are_listed_with_place_and_reason(cluster, run):
    _refuse(cluster, 7)
    _refuse(cluster, 8, Reason.NON_FINITE)
    code, out, _ = run("list", "--json")
    found = json.loads(out)
    assert code == 1
    assert [(one["place"], one["reason"], one["source_offset"]) for one in found] == [
        ("0/0", "unknown_model", 7),
        ("0/1", "non_finite", 8),
    ]


def test_a_reason_selects(cluster, run):
    _refuse(cluster, 7)
    _refuse(cluster, 8, Reason.NON_FINITE)
    _, out, _ = run("list", "--reason", "non_finite", "--json")
    assert [one["source_offset"] for one in json.loads(out)] == [8]


def test_a_reason_that_does_not_exist_is_refused_by_name(cluster, run):
    code, _, err = run("list", "--reason", "nonsense")
    assert code == 2
    assert "nonsense" in err


def test_one_letter_is_shown_in_full(cluster, run):
    _refuse(cluster, 7)
    code, out, _ = run("show", "0/0", "--json")
    assert code == 0
    assert json.loads(out)["source_value"] == b"bytes".hex()


def test_a_place_without_letter_is_an_error(cluster, run):
    code, _, err = run("show", "3/9")
    assert code == 2
    assert "no dead letter lies at 3/9" in err


def test_a_replay_goes_back_to_its_partition_marked(cluster, run):
    _refuse(cluster, 7)
    code, _, _ = run("replay", "--reason", "unknown_model")
    (record,) = cluster.records(SOURCE)
    assert code == 0
    assert (record.partition(), record.key(), record.value()) == (2, b"id-1", b"bytes")
    assert (REPLAYED_FROM, b"driftline.dead-letters/0/0") in record.headers()


def test_a_letter_is_replayed_once_unless_somebody_insists(cluster, run):
    _refuse(cluster, 7)
    run("replay", "--model", "m")
    code, out, _ = run("replay", "--model", "m")
    assert (code, len(cluster.records(SOURCE))) == (0, 1)
    assert "1 were replayed before" in out
    assert run("list")[0] == 0
    run("replay", "0/0", "--again")
    assert len(cluster.records(SOURCE)) == 2


def test_a_dry_run_sends_nothing(cluster, run):
    _refuse(cluster, 7)
    code, out, _ = run("replay", "--model", "m", "--dry-run", "--json")
    assert (code, json.loads(out)["replayed"]) == (0, ["0/0"])
    assert cluster.records(SOURCE) == []


def test_what_never_was_a_record_is_not_replayed(cluster, run):
    _refuse(cluster, -1, partition=-1, value=b'{"json": 1}')
    code, _, err = run("replay", "--model", "m")
    assert code == 1
    assert "send it again by HTTP" in err
    assert cluster.records(SOURCE) == []


def test_a_replay_of_everything_must_be_meant(cluster, run):
    code, _, err = run("replay")
    assert code == 2
    assert "--reason" in err


def test_a_record_that_is_no_dead_letter_is_passed_over_aloud(cluster, run):
    cluster.producer().produce(topics.name("dead-letters"), b"nonsense", partition=1)
    _refuse(cluster, 7)
    _, out, err = run("list", "--json")
    assert len(json.loads(out)) == 1
    assert "1/0 is no dead letter" in err
