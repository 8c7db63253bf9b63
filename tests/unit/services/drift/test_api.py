"""Asking for a check over HTTP; requests go through the application without a socket."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline.clock import ManualClock
from driftline.codec import decode, encode
from driftline.envelope import read
from driftline.events import CheckRequested, Direction, Threshold
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import NewTopic
from driftline.runtime.catalogue import Catalogue, CatalogueBehind
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.drift.api import CheckDesk, routes
from tests.unit.drift.windows.building import BASELINE, MONITOR, NOW, START

RANGE = {"from": "2013-03-01", "to": "2013-03-02T12:00:00Z"}


class Behind(Catalogue):
    """The end of its topics stays out of reach."""

    def refresh(self):
        raise CatalogueBehind("monitors at 1 of 2")


class Door:
    """Drift with one monitor."""

    def __init__(self, folder):
        self.cluster = MemoryCluster(ManualClock(NOW))
        names = ("baselines", "monitors", "schemas")
        self.cluster.admin().create([NewTopic(f"driftline.{name}", 1) for name in names] + [NewTopic("driftline.profiles", 4)])
        producer = self.cluster.producer()
        producer.produce("driftline.baselines", encode(BASELINE))
        producer.produce("driftline.monitors", encode(MONITOR))
        tokens = folder / "tokens"
        self.tokens = {role: create_token(tokens, role, [role]) for role in ("operator", "viewer")}
        self.failing = False
        desk = CheckDesk(self.catalogue, producer, 4, ManualClock(NOW))
        self.app = create_app("drift", health=Health(), registry=CollectorRegistry())
        self.app.include_router(routes(desk.ask, Access(TokenBook(tokens))))

    def catalogue(self):
        return Behind(self.cluster.consumer()) if self.failing else Catalogue(self.cluster.consumer())

    def ask(self, body, *, model="m", role="operator"):
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}

        async def request():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://drift") as client:
                return await client.post(f"/v1/models/{model}/checks", headers=headers, json=body)

        return asyncio.run(request())


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


def test_a_request_goes_to_the_partition_of_its_model_and_is_pending(door):
    answer = door.ask(RANGE | {"model_version": "2", "thresholds": {"feature": {"psi": 0.1}, "performance": {"auc": 0.8}}})
    assert answer.status_code == 202
    assert answer.json()["status"] == "PENDING"
    (record,) = door.cluster.records("driftline.profiles")
    found = decode(record.value())
    assert found == CheckRequested(
        request_id=answer.json()["request_id"],
        model_id="m",
        model_version="2",
        start=START,
        end=START + 36 * 3_600_000_000,
        thresholds=(
            Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE),
            Threshold(family="performance", measure="auc", limit=0.8, direction=Direction.BELOW),
        ),
        actor="operator",
        at=NOW,
    )
    assert (record.partition(), record.key()) == (partition_for(b"m", 4), b"m")
    assert (read(record.headers()).actor, read(record.headers()).subject) == ("operator", "m")


def test_only_operators_ask(door):
    assert door.ask(RANGE, role=None).status_code == 401
    assert door.ask(RANGE, role="viewer").status_code == 403
    assert door.cluster.records("driftline.profiles") == []


@pytest.mark.parametrize(
    ("body", "model", "status", "says"),
    [
        (RANGE, "nobody", 404, "has no monitor"),
        ({"from": "2013-03-02", "to": "2013-03-01"}, "m", 422, "not before"),
        ({"from": "yesterday", "to": "2013-03-01"}, "m", 422, "no time"),
        ({"from": "2013-03-01"}, "m", 422, ""),
        (RANGE | {"input_data": [1]}, "m", 422, ""),
        (RANGE | {"thresholds": {"feature": {"pis": 0.1}}}, "m", 422, "no feature.pis"),
        (RANGE | {"thresholds": {"weather": {"psi": 0.1}}}, "m", 422, "no weather.psi"),
    ],
)
def test_what_cannot_be_checked_is_refused(door, body, model, status, says):
    answer = door.ask(body, model=model)
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert door.cluster.records("driftline.profiles") == []


def test_while_monitors_cannot_be_read_it_is_unavailable_and_recovers(door):
    door.failing = True
    answer = door.ask(RANGE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "monitors cannot be read" in answer.json()["detail"]
    door.failing = False
    assert door.ask(RANGE).status_code == 202
