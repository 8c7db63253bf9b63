"""All changes of governance are logged: whatever its API can change is an entry, with who did it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from driftline import topics
from driftline.events import Baseline
from driftline.kafka.ports import NewTopic
from driftline.ledger.entries import Query, StoredEntry
from services.audit.actions import LEDGERED
from services.audit.consumer import Recorder
from services.governance.adapters.journal import TOPICS
from tests.unit.ledger.ledger_builders import Salts, writer_at
from tests.unit.services.governance.test_api import LEAST, House

MODEL, MONITOR, COMPLIANCE = "/v1/models/{model_id}", "/v1/monitors/{model_id}", "/v1/compliance/{model_id}"
VERSION = MODEL + "/versions/{model_version}"
STATEMENT = {"requirement": "data_lineage", "statement": "I looked", "document": "https://wiki"}
REPORT = ["compliance.control_evaluated", "compliance.reported"]
CHANGES: dict[tuple[str, str], tuple[str, dict[str, Any], list[str]]] = {
    ("put", MODEL): ("/v1/models/shop.churn", {"json": {"owner": "ann"}}, ["model.registered"]),
    ("put", VERSION): ("/v1/models/shop.churn/versions/1", {"json": {}}, ["model.version_registered"]),
    ("post", VERSION + "/stage"): (
        "/v1/models/shop.churn/versions/1/stage",
        {"json": {"to": "STAGING", "reason": "tests pass"}},
        ["model.stage_changed"],
    ),
    ("put", MONITOR): ("/v1/monitors/shop.churn", {"content": LEAST.encode()}, ["monitor.applied"]),
    ("put", COMPLIANCE + "/requirements"): (
        "/v1/compliance/shop.churn/requirements",
        {"content": b"data_lineage: {}"},
        ["compliance.required", *REPORT],
    ),
    ("post", COMPLIANCE + "/attestations"): (
        "/v1/compliance/shop.churn/attestations",
        {"json": STATEMENT},
        ["compliance.attested", *REPORT],
    ),
    ("post", COMPLIANCE + "/checks"): ("/v1/compliance/shop.churn/checks", {}, REPORT),
    ("delete", COMPLIANCE + "/requirements"): (
        "/v1/compliance/shop.churn/requirements",
        {},
        ["compliance.required", "compliance.reported"],
    ),
}
"""Every route that changes something, a request to it, and the entries that it must leave."""


def recorded(house: House, folder: Path) -> list[StoredEntry]:
    """Let the audit service read all topics into a ledger; without the baseline, which governance did not publish."""
    writer = writer_at(folder)
    recorder = Recorder(house.cluster, writer, house.clock, salts=Salts(), signed=lambda _size, _note: None)
    recorder.open()
    while recorder.step(0.0):
        pass
    recorder.close()
    with writer.store.snapshot() as snapshot:
        return [entry for entry in snapshot.entries(Query(limit=None)) if entry.action != "baseline.published"]


def house_of(folder: Path) -> House:
    house = House(folder)
    others = [topics.catalogue()[name] for name in (*LEDGERED, "checkpoints") if name not in TOPICS]
    house.cluster.admin().create([NewTopic(each.name, each.partitions) for each in others])
    house.say("baselines", Baseline(baseline_id="b1", model_id="shop.churn", rows=1, columns=(), provenance={}))
    return house


def test_every_route_that_changes_something_is_known_here(tmp_path: Path) -> None:
    paths = house_of(tmp_path).app.openapi()["paths"]
    changing = {(method, path) for path, methods in paths.items() for method in methods if method != "get"}
    assert changing == set(CHANGES)


def test_every_change_of_governance_is_an_entry_with_its_actor(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    for (method, _), (path, body, _) in CHANGES.items():
        assert house.ask(method.upper(), path, **body).status_code in {200, 201}
    entries = recorded(house, tmp_path)
    expected = [action for _, _, actions in CHANGES.values() for action in actions]
    assert sorted(entry.action for entry in entries) == sorted(expected)
    assert {entry.actor_name for entry in entries} == {"ann"}
    assert {entry.resource_id for entry in entries} == {"shop.churn"}
    assert {entry.source.topic for entry in entries if entry.source} == {
        topics.name(name) for name in ("governance", "monitors", "compliance")
    }


def test_what_was_refused_or_changed_nothing_leaves_no_entry(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    for path, body, _ in CHANGES.values():
        assert house.ask("PUT", path, token=house.viewer, **body).status_code in {403, 405}
    assert house.ask("PUT", "/v1/monitors/shop.churn", content=LEAST.encode(), params={"dry_run": True}).status_code == 200
    assert recorded(house, tmp_path) == []
