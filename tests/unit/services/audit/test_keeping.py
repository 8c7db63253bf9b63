"""Decisions about payloads over HTTP: by whom, refused when they must be, and on record."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline.clock import ManualClock
from driftline.ledger.report import Level
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.audit import keeping
from services.audit.jobs import Verifier
from tests.unit.ledger.ledger_builders import KEY, draft, grow, writer_at
from tests.unit.services.audit.world import NOW


class Door:
    """A ledger of six entries of alice and six of a service, with a recorder beside the API."""

    def __init__(self, folder: Path) -> None:
        self.recorder = writer_at(folder)
        grow(self.recorder, [[draft(n, actor="alice" if n % 2 else "service:drift") for n in range(12)]])
        tokens = folder / "tokens"
        self.tokens = {name: create_token(tokens, name, [name]) for name in ("auditor", "approver", "viewer")}
        self.verifier = Verifier(self.recorder.store, KEY.verifier, folder / "last-signed")
        self.app = create_app("audit", health=Health(), registry=CollectorRegistry())
        clock = ManualClock(NOW)
        decisions = keeping.Decisions(writer_at(folder), clock)
        access = Access(TokenBook(tokens))
        self.app.include_router(
            keeping.routes(decisions, self.recorder.store, access, clock, lambda: self.verifier.verify(Level.FULL))
        )

    def ask(self, method: str, path: str, *, role: str = "approver", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(request())

    def decide(self, path: str, *, role: str = "approver", **said: Any) -> httpx.Response:
        return self.ask("POST", path, role=role, json={"reason": "request 4711", **said})


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.mark.parametrize("path", ["/v1/erasures", "/v1/holds", "/v1/holds/x/release", "/v1/retention"])
@pytest.mark.parametrize("role", ["auditor", "viewer"])
def test_only_an_approver_decides(door: Door, path: str, role: str) -> None:
    assert door.decide(path, role=role, subject="alice", name="x", topic="*").status_code == 403


def test_an_erasure_is_carried_out_and_the_recorder_goes_on(door: Door) -> None:
    answer = door.decide("/v1/erasures", subject="alice")
    assert (answer.status_code, answer.json()["entries"], answer.json()["sequence"]) == (200, 6, 12)
    grow(door.recorder, [[draft(12, actor="alice")]])
    report = door.verifier.verify(Level.FULL)
    assert (report.valid, report.erased, report.entries) == (True, 6, 14)
    with door.recorder.store.snapshot() as snapshot:
        statement = snapshot.entry_at(12)
    assert statement is not None
    assert statement.actor_name == "approver"  # whom the token names
    assert door.decide("/v1/erasures", subject="mallory").status_code == 404
    assert door.decide("/v1/erasures", subject="alice", reason="").status_code == 422


def test_a_hold_refuses_an_erasure_until_it_is_released(door: Door) -> None:
    assert door.decide("/v1/holds", name="case 7", actor="alice", since="2020-01-01T00:00:00Z").status_code == 201
    assert door.decide("/v1/holds", name="case 8", until="nonsense").status_code == 422
    assert door.decide("/v1/erasures", subject="alice").status_code == 200  # its entries are older than the hold's time
    assert door.decide("/v1/holds", name="all").status_code == 201
    refused = door.decide("/v1/erasures", subject="service", mentions=["payload"])
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_refused")
    shown = door.ask("GET", "/v1/keeping", role="auditor").json()
    assert [one["name"] for one in shown["holds"]] == ["case 7", "all"]
    assert door.decide("/v1/holds/all/release").status_code == 200
    assert door.decide("/v1/holds/all/release").status_code == 409


def test_retention_and_reports_are_shown(door: Door) -> None:
    assert door.decide("/v1/retention", topic="*", keep_days=30).status_code == 201
    assert door.ask("GET", "/v1/keeping").json()["retention"]["*"]["keep_days"] == 30
    told = door.ask("GET", "/v1/reports/hipaa", role="auditor").json()
    assert (told["regime"], told["verification"]["verdict"], bool(told["missing"])) == ("hipaa", "valid", True)
    page = door.ask("GET", "/v1/reports/hipaa?form=html", role="auditor")
    assert page.text.startswith("<!doctype html>")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert door.ask("GET", "/v1/reports/none").status_code == 422
    assert door.ask("GET", "/v1/reports/hipaa", role="viewer").status_code == 403
