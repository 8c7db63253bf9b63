"""The ledger over HTTP; requests go through the application without a socket."""

import asyncio
import base64
import sqlite3
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline.ledger.bundle import Completeness, check_bundle
from driftline.ledger.checkpoint import open_checkpoint
from driftline.ledger.growth import Growth
from driftline.ledger.leaf import entry_hash
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.tree import fetch_from, fold, root_at
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.audit import api
from services.audit.jobs import Verifier
from tests.unit.ledger.ledger_builders import KEY, draft, grow, writer_at


class Door:
    """A ledger of 12 entries behind the API."""

    def __init__(self, folder: Path, entries: int = 12) -> None:
        writer = writer_at(folder)
        if entries:
            grow(writer, [[draft(i, actor="alice" if i % 4 == 0 else "service:drift") for i in range(entries)]])
        tokens = folder / "tokens"
        self.tokens = {role: create_token(tokens, role, [role]) for role in ("auditor", "viewer", "producer")}
        verifier = Verifier(writer.store, KEY.verifier, folder / "last-signed")
        self.app = create_app("audit", health=Health(), registry=CollectorRegistry())
        self.app.include_router(api.routes(writer.store, Access(TokenBook(tokens)), verifier.verify))

    def ask(self, path: str, *, role: str | None = "auditor", method: str = "GET", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(request())


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


PATHS = [
    "/v1/entries",
    "/v1/trail/actor/alice",
    "/v1/trail/resource/model/m1",
    "/v1/stats",
    "/v1/checkpoint",
    "/v1/growth?old=3",
    "/v1/tile/0/000.p/12",
    "/v1/tile/entries/000.p/12",
    "/v1/bundle",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_nothing_is_shown(door: Door, path: str) -> None:
    assert door.ask(path, role=None).status_code == 401
    assert door.ask(path, role="producer").status_code == 403
    assert door.ask(path).status_code == 200


def test_a_viewer_sees_counts_and_head_but_no_entries(door: Door) -> None:
    answers = {path: door.ask(path, role="viewer").status_code for path in PATHS}
    assert answers == dict(zip(PATHS, (403, 403, 403, 200, 200, 200, 200, 403, 403), strict=True))
    assert door.ask("/v1/verify", role="viewer", method="POST").status_code == 403


def test_entries_come_in_pages(door: Door) -> None:
    first = door.ask("/v1/entries?limit=8").json()
    rest = door.ask(f"/v1/entries?limit=8&after={first['next_after']}").json()
    assert [e["seq"] for e in first["entries"] + rest["entries"]] == list(range(12))
    assert rest["next_after"] is None
    assert "payload" not in first["entries"][0]


@pytest.mark.parametrize(
    ("query", "sequences"),
    [
        ("actor=alice", [0, 4, 8]),
        ("mentions=payload%201", [1, 10, 11]),
        ("resource_type=model&resource_id=m1", [1, 4, 7, 10]),
        ("action=nothing", []),
        ("actor=alice&resource_type=model&resource_id=m1", [4]),
        ("since=1970-01-01T00:00:00.001Z&until=1970-01-01T00:00:00.001001Z", list(range(12))),
        ("until=1970-01-01T00:00:00.001Z", []),
    ],
)
def test_entries_are_selected(door: Door, query: str, sequences: list[int]) -> None:
    assert [e["seq"] for e in door.ask(f"/v1/entries?{query}").json()["entries"]] == sequences


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "after=-2", "since=yesterday", "since=2026-01-01T00:00:00", "resource_type=model", "colour=red"],
)
def test_a_selection_that_makes_no_sense_is_422_and_says_why(door: Door, query: str) -> None:
    answer = door.ask(f"/v1/entries?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_one_entry_shows_all_that_is_needed_to_check_it(door: Door) -> None:
    listed = door.ask("/v1/entries?limit=1").json()["entries"][0]
    entry = door.ask(f"/v1/entries/{listed['entry_id']}").json()
    assert base64.b64decode(entry["payload"]) == b"payload 0"
    assert (entry["actor"], entry["actor_pseudonym"][:5]) == ("alice", "user:")
    from driftline.ledger.leaf import data_hash, entry_hash

    assert data_hash(bytes.fromhex(entry["salt"]), b"payload 0").hex() == entry["data_hash"]
    assert entry_hash(entry["leaf"].encode()).hex() == entry["entry_hash"]


def test_an_unknown_entry_is_404_and_a_bad_id_422(door: Door) -> None:
    assert door.ask(f"/v1/entries/{UUID(int=1)}").status_code == 404
    assert door.ask("/v1/entries/x").status_code == 422


def test_trails_say_whether_they_are_complete(door: Door) -> None:
    actor = door.ask("/v1/trail/actor/alice").json()
    assert (actor["complete"], [e["seq"] for e in actor["entries"]]) == (True, [0, 4, 8])
    by_pseudonym = door.ask(f"/v1/trail/actor/{actor['entries'][0]['actor_pseudonym']}").json()
    assert by_pseudonym == actor
    resource = door.ask("/v1/trail/resource/model/m2").json()
    assert (resource["complete"], [e["seq"] for e in resource["entries"]]) == (True, [2, 5, 8, 11])
    empty = {"complete": True, "broken_at": None, "entries": [], "note": None}
    assert door.ask("/v1/trail/resource/topic/a/b").json() == empty
    assert door.ask("/v1/trail/actor/bob").json() == {**empty, "note": "no entries of bob"}


def test_stats_count_entries_actors_and_actions(door: Door) -> None:
    stats = door.ask("/v1/stats", role="viewer").json()
    assert (stats["entries"], stats["actors"], stats["resources"], stats["signed_size"]) == (12, 2, 3, 12)
    assert stats["actions"] == {"drift.detected": 12}


def test_the_checkpoint_is_a_note_that_opens(door: Door) -> None:
    answer = door.ask("/v1/checkpoint", role="viewer")
    assert open_checkpoint(answer.text, KEY.verifier).size == 12


def test_an_empty_ledger_has_no_checkpoint_yet(tmp_path: Path) -> None:
    door = Door(tmp_path, entries=0)
    assert door.ask("/v1/checkpoint").status_code == 404
    assert door.ask("/v1/verify", method="POST").json()["verdict"] == "valid"


@pytest.mark.parametrize("level", ["hash", "full"])
def test_verify_says_valid(door: Door, level: str) -> None:
    answer = door.ask("/v1/verify", method="POST", json={"level": level}).json()
    assert (answer["verdict"], answer["valid"], answer["total_entries"], answer["level"]) == ("valid", True, 12, level)


def test_verify_names_the_first_bad_entry(door: Door, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_payload_no_update")
    connection.execute("UPDATE ledger_payload SET body = x'00' WHERE seq = 5")
    connection.commit()
    connection.close()
    answer = door.ask("/v1/verify", method="POST").json()
    assert (answer["verdict"], answer["invalid_entries"]) == ("tampered", 1)
    assert (answer["first_bad"]["sequence"], answer["first_bad"]["kind"]) == (5, "payload_changed")


def test_a_large_ledger_is_not_verified_over_http(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "LARGEST_VERIFY", 11)
    answer = door.ask("/v1/verify", method="POST")
    assert answer.status_code == 413
    assert "driftline ledger verify" in answer.json()["remedy"]


def test_level_source_is_not_for_http(door: Door) -> None:
    assert door.ask("/v1/verify", method="POST", json={"level": "source"}).status_code == 422


def test_a_receipt_over_http_is_proven_offline(door: Door) -> None:
    entry = door.ask("/v1/entries").json()["entries"][5]
    path = f"/v1/entries/{entry['entry_id']}/proof"
    answer = door.ask(path)
    checked = check_receipt(Receipt.parse(answer.content), KEY.verifier)
    assert (checked.leaf.seq, answer.headers["content-type"]) == (5, "text/plain; charset=utf-8")
    assert "entry-5.tlog-proof" in answer.headers["content-disposition"]
    whole = Receipt.parse(door.ask(f"{path}?payload=true").content)
    assert whole.opening.disclosed is not None
    assert whole.opening.disclosed.payload == b"payload 5"
    assert door.ask(path, role="viewer").status_code == 403
    assert door.ask(f"/v1/entries/{UUID(int=0)}/proof").status_code == 404


def test_growth_over_http(door: Door) -> None:
    growth = Growth.parse(door.ask("/v1/growth?old=5").content)
    assert (growth.old, open_checkpoint(growth.note, KEY.verifier).size) == (5, 12)
    assert door.ask("/v1/growth?old=13").status_code == 404


def test_from_tiles_alone_anybody_computes_the_signed_root(tmp_path: Path) -> None:
    door = Door(tmp_path, 600)
    checkpoint = open_checkpoint(door.ask("/v1/checkpoint").text, KEY.verifier)
    leaves, hashes = [], b""
    for tile in ("000", "001", "002.p/88"):
        bundle = door.ask(f"/v1/tile/entries/{tile}").content
        while bundle:
            size = int.from_bytes(bundle[:2])
            leaves.append(entry_hash(bundle[2 : 2 + size]))
            bundle = bundle[2 + size :]
        hashes += door.ask(f"/v1/tile/0/{tile}").content
    assert b"".join(leaves) == hashes
    assert root_at(fetch_from(leaves), len(leaves)) == checkpoint.root
    full, partial = door.ask("/v1/tile/0/000"), door.ask("/v1/tile/1/000.p/2")
    assert "immutable" in full.headers["cache-control"]
    assert partial.content[:32] == fold([full.content[at : at + 32] for at in range(0, len(full.content), 32)])
    assert [door.ask(f"/v1/tile/{path}").status_code for path in ("0/002", "0/003", "1/000", "nonsense")] == [404] * 4


def test_a_tampered_ledger_proves_nothing_over_http(door: Door, tmp_path: Path) -> None:
    entry = door.ask("/v1/entries").json()["entries"][5]
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_entry_no_update")
    connection.execute("UPDATE ledger_entry SET entry_hash = zeroblob(32) WHERE seq = 7")
    connection.commit()
    connection.close()
    answer = door.ask(f"/v1/entries/{entry['entry_id']}/proof")
    assert (answer.status_code, answer.json()["code"]) == (409, "ledger_tampered")


def test_openapi_describes_proofs(door: Door) -> None:
    paths = door.ask("/openapi.json").json()["paths"]
    assert {
        "/v1/entries/{entry_id}/proof",
        "/v1/growth",
        "/v1/checkpoint",
        "/v1/tile/{path}",
        "/v1/tile/entries/{path}",
    } <= set(paths)
    assert "text/plain" in paths["/v1/growth"]["get"]["responses"]["200"]["content"]


def test_a_bundle_over_http_is_proven_offline(door: Door) -> None:
    lines = door.ask("/v1/bundle?actor=alice").content.splitlines(keepends=True)
    report = check_bundle(lines, KEY.verifier)
    assert (report.entries, report.complete, report.selection.name) == (3, Completeness.TRAIL, "alice")
    bare = check_bundle(door.ask("/v1/bundle?actor=alice&payloads=false").content.splitlines(keepends=True), KEY.verifier)
    assert (bare.entries, bare.disclosed, bare.selection.name) == (3, 0, None)
    assert door.ask("/v1/bundle?limit=3").status_code == 422


def test_a_bundle_that_is_too_large_is_refused_with_a_remedy(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "LARGEST_BUNDLE", 11)
    answer = door.ask("/v1/bundle")
    assert (answer.status_code, "--format bundle" in answer.json()["remedy"]) == (413, True)


def test_a_time_is_verified_alone(door: Door) -> None:
    answer = door.ask("/v1/verify", method="POST", json={"since": "1970-01-01T00:00:00.001000Z"}).json()
    assert (answer["verdict"], answer["total_entries"], answer["verified_entries"]) == ("valid", 12, 12)
    later = door.ask("/v1/verify", method="POST", json={"since": "1970-01-01T00:00:00.001001Z"}).json()
    assert (later["verdict"], later["verified_entries"]) == ("valid", 1)
    assert door.ask("/v1/verify", method="POST", json={"since": "yesterday"}).status_code == 422
