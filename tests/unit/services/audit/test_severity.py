"""Alerts reach the ledger by their topic, and an auditor sees and finds them by how grave they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline import codec
from driftline.envelope import Envelope
from driftline.events import AlertResolved, Baseline
from driftline.ledger.payloads import event_view, severity_of
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.audit import api
from services.audit.jobs import Verifier
from tests.builders import fired_of
from tests.unit.ledger.ledger_builders import KEY
from tests.unit.services.audit.world import NOW, World

Ask = Callable[..., Any]
SEVERITIES = ["LOW", "CRITICAL", "HIGH", "CRITICAL", "MEDIUM"]


def world_of(folder: Path) -> World:
    """Five alerts of four severities, one that only speaks of CRITICAL, one that ended, and a fault of health."""
    world = World(folder)
    alerts = [fired_of(alert_id=f"a{number}", severity=severity) for number, severity in enumerate(SEVERITIES)]
    spoken = replace(fired_of(alert_id="a5"), severity="MINIMAL", details="no longer CRITICAL")
    ended = AlertResolved(
        alert_id="a1", group_key="g", model_id="m", labels={}, starts_at=1, ends_at=2, reason="clean", source_event_id="e"
    )
    for number, event in enumerate([*alerts, spoken, ended]):
        said = Envelope(id=f"alert-{number}", type=type(event).__name__, source="/alerting", time_us=NOW)
        world.say("alerts", codec.encode(event), headers=said.headers())
    world.event(1)  # LOW
    world.run().close()
    return world


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    world = world_of(tmp_path)
    store = world.writer().store
    token = create_token(world.folder / "tokens", "ann", ["auditor"])
    app = create_app("audit", health=Health(), registry=CollectorRegistry())
    verifier = Verifier(store, KEY.verifier, world.folder / "last-signed")
    app.include_router(api.routes(store, Access(TokenBook(world.folder / "tokens")), verifier.verify))

    def get(path: str) -> Any:
        async def request() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://audit") as client:
                return await client.get(path, headers={"Authorization": f"Bearer {token}"})

        return asyncio.run(request()).json()

    return get


def test_every_alert_is_an_entry_that_shows_its_severity(ask: Ask) -> None:
    found = ask("/v1/entries?action=alert.fired")["entries"]
    assert [(entry["resource"]["id"], entry["severity"]) for entry in found] == [
        *((f"a{number}", severity) for number, severity in enumerate(SEVERITIES)),
        ("a5", "MINIMAL"),
    ]
    assert {entry["actor"] for entry in found} == {"service:alerting"}
    assert ask("/v1/entries?action=alert.resolved")["entries"][0]["severity"] is None


def test_entries_are_found_by_severity_page_by_page(ask: Ask) -> None:
    def seqs(page: Any) -> list[int]:
        return [entry["seq"] for entry in page["entries"]]

    assert [e["resource"]["id"] for e in ask("/v1/entries?severity=CRITICAL")["entries"]] == ["a1", "a3"]
    assert [e["action"] for e in ask("/v1/entries?severity=LOW")["entries"]] == ["alert.fired", "health.opened"]
    first = ask("/v1/entries?severity=CRITICAL&limit=1")
    second = ask(f"/v1/entries?severity=CRITICAL&limit=1&after={first['next_after']}")
    assert seqs(first) + seqs(second) == seqs(ask("/v1/entries?severity=CRITICAL"))
    assert ask(f"/v1/entries?severity=CRITICAL&limit=1&after={second['next_after']}") == {"entries": [], "next_after": None}
    assert ask("/v1/entries?severity=GRAVE")["status"] == 422


def test_one_entry_says_in_full_what_its_event_says(ask: Ask) -> None:
    (found,) = ask("/v1/trail/resource/alert/a3")["entries"]
    event = ask(f"/v1/entries/{found['entry_id']}")["event"]
    assert (event["type"], event["alert_id"], event["severity"]) == ("AlertFired", "a3", "CRITICAL")
    assert found["severity"] == "CRITICAL"


@pytest.mark.parametrize("payload", [None, b"", b"CRITICAL", codec.MAGIC, codec.MAGIC + bytes(8) + b"CRITICAL"])
def test_a_payload_that_is_no_event_says_nothing(payload: bytes | None) -> None:
    assert (event_view(payload), severity_of(payload)) == (None, None)


def test_bytes_of_an_event_are_shown_in_base64() -> None:
    event = Baseline(baseline_id="b", model_id="m", rows=1, columns=(), provenance={}, sample=b"\x00\xff")
    assert (event_view(codec.encode(event)) or {})["sample"] == "AP8="
