"""The HTTP interface over the in-memory twin; requests go through the application without a socket."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import Baseline, BaselineColumn, ColumnKind, MonitorState, MonitorStatus
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.runtime.health import Health
from driftline.runtime.http import Access
from driftline.runtime.tokens import TokenBook, create_token
from driftline.runtime.topic_cache import open_engine
from services.governance.adapters.journal import TOPICS, Journal
from services.governance.api.application import application
from services.governance.api.desk import Counter
from services.governance.consumer import Desk
from services.governance.store import Store

LEAST = "model: shop.churn\nbaseline: b1\npositive_class: late\n"
MINUTES_US = 60_000_000


class House:
    """Governance on the twin, with an operator's and a viewer's token."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(1_700_000_000_000_000)
        self.cluster = MemoryCluster(self.clock)
        declared = [topics.catalogue()[name] for name in TOPICS]
        self.cluster.admin().create([NewTopic(each.name, each.partitions) for each in declared])
        self.store = store = Store(open_engine(f"sqlite:///{directory / 'governance.db'}"))
        self.desk = Desk(Journal(self.cluster, self.clock), store)
        self.desk.open()
        tokens = directory / "tokens.json"
        self.operator = create_token(tokens, "ann", ["operator"])
        self.viewer = create_token(tokens, "vera", ["viewer"])
        self.app = application(Counter(store, self.desk, self.clock, Access(TokenBook(tokens))), Health())

    def say(self, topic: str, event: object) -> None:
        producer = self.cluster.producer()
        producer.produce(topics.name(topic), codec.encode(event), key=b"k")
        producer.flush(1)
        self.desk.step()

    def ask(self, method: str, path: str, *, token: str | None = None, **options) -> httpx.Response:
        """One request, while the desk is served beside it as its own thread would."""
        headers = {"Authorization": f"Bearer {token or self.operator}"} if token != "" else {}
        done = threading.Event()

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://governance") as client:
                return await client.request(method, path, headers=headers | options.pop("headers", {}), **options)

        def serve() -> None:
            while not done.is_set():
                self.desk.step(0.001)

        server = threading.Thread(target=serve)
        server.start()
        try:
            return asyncio.run(request())
        finally:
            done.set()
            server.join()


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    column = BaselineColumn(
        name="temp", kind=ColumnKind.NUMERIC, edges=(), psi_edges=(), categories=(), counts=(), sums=(), origin=0.0
    )
    made.say("baselines", Baseline(baseline_id="b1", model_id="m", rows=1, columns=(column,), provenance={}))
    return made


def put(house, text=LEAST, *, model="shop.churn", **query):
    return house.ask("PUT", f"/v1/monitors/{model}", content=text.encode(), params=query)


def test_a_new_monitor_is_created_then_the_same_is_found_existing(house):
    first, again = put(house, expected_version=0), put(house, expected_version=0)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["monitor_version"] == again.json()["monitor_version"] == 1
    assert first.json()["effective_from"] == "since ever"
    assert (first.json()["outcome"], again.json()["outcome"]) == ("created", "unchanged")
    assert first.json()["applied_by"] == "ann"
    assert first.json()["monitor"]["columns"] == [{"name": "temp", "kind": "NUMERIC", "required": False}]


def test_a_dry_run_says_what_would_be_and_writes_nothing(house):
    metric = "metrics: [{name: warm, definition: avg(temp)}, {name: wrong, definition: 'count_if(prediction <> label)'}]\n"
    answer = put(house, LEAST + metric, dry_run=True)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["monitor_version"]) == (200, "created", 1)
    assert answer.json()["business"] == {
        "metrics": [
            {"name": "warm", "column": ":table", "type": "AGGREGATE", "requires_label": False},
            {"name": "wrong", "column": ":table", "type": "AGGREGATE", "requires_label": True},
        ],
        "columns": ["temp"],
        "columns_of_pairs": [":label", ":prediction"],
    }
    assert house.ask("GET", "/v1/monitors/shop.churn").status_code == 404
    wrong = put(house, LEAST + "metrics: [{name: warm, definition: avg(tmp)}]\n", dry_run=True)
    assert (wrong.status_code, "line 1 column 5" in wrong.json()["errors"][0]["detail"]) == (422, True)
    assert put(house, LEAST + metric).status_code == 201
    assert put(house, LEAST + metric, dry_run=True).json()["outcome"] == "unchanged"


def test_a_stale_version_is_a_conflict(house):
    put(house)
    answer = put(house, LEAST + "minimum_n: 9\n", expected_version=0)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "version 1 is in force" in answer.json()["detail"]
    assert put(house, LEAST + "minimum_n: 9\n", expected_version=1).status_code == 201


def test_a_wrong_definition_names_lines_fields_and_remedies(house):
    answer = put(house, LEAST + "latenes: 5 min\nminimum_n: many\n")
    assert answer.status_code == 422
    assert [(fault["line"], fault["field"]) for fault in answer.json()["errors"]] == [(4, "latenes"), (5, "minimum_n")]
    assert "did you mean 'lateness'?" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"", b"[1]", b"a: [", b"#" * 300_000])
def test_a_body_that_is_no_definition_is_refused(house, body):
    assert house.ask("PUT", "/v1/monitors/m", content=body).status_code == 422


def test_a_body_beyond_all_measure_is_not_read(house):
    assert house.ask("PUT", "/v1/monitors/m", content=b"#" * 3_000_000).status_code == 413


def test_an_unpublished_baseline_is_named_with_the_remedy(house):
    answer = put(house, LEAST.replace("b1", "b2"))
    assert answer.status_code == 422
    assert "driftline baseline fit" in answer.json()["errors"][0]["detail"]


def test_a_change_begins_past_what_the_evaluator_has_reported(house):
    put(house)
    report = MonitorStatus(
        model_id="shop.churn",
        monitor_version=1,
        status=MonitorState.ACTIVE,
        watermark=1_700_000_000_000_000,
        evaluator="d0",
        at=1,
    )
    house.say("monitor-status", report)
    answer = put(house, LEAST + "minimum_n: 9\n")
    assert answer.json()["effective_from"] == "2023-11-14T23:00:00.000000Z"


def test_a_monitor_goes_from_pending_to_active_or_fails_after_half_an_hour(house):
    put(house)
    assert house.ask("GET", "/v1/monitors/shop.churn").json()["current"]["status"] == "PENDING"
    house.clock.advance(30 * MINUTES_US)
    assert house.ask("GET", "/v1/monitors/shop.churn").json()["current"]["status"] == "FAILED"
    report = MonitorStatus(
        model_id="shop.churn", monitor_version=1, status=MonitorState.ACTIVE, watermark=None, evaluator="d0", at=1
    )
    house.say("monitor-status", report)
    (listed,) = house.ask("GET", "/v1/monitors").json()
    assert (listed["status"], listed["watermark"]) == ("ACTIVE", None)
    assert listed["profile_metrics_table_name"] == "shop.churn_profile_metrics"
    assert listed["drift_metrics_table_name"] == "shop.churn_drift_metrics"


def test_who_has_no_token_or_not_the_role_changes_nothing(house):
    assert house.ask("GET", "/v1/monitors", token="").status_code == 401
    assert house.ask("PUT", "/v1/monitors/m", token="", content=b"x").status_code == 401
    assert house.ask("PUT", "/v1/monitors/m", token=house.viewer, content=b"x").status_code == 403
    assert house.ask("GET", "/v1/monitors", token=house.viewer).status_code == 200


def test_a_model_lives_from_registration_to_its_archive(house):
    house.ask("PUT", "/v1/models/shop.churn", json={"description": "d", "owner": "ann", "tags": {"a": "b"}})
    house.ask("PUT", "/v1/models/shop.churn/versions/1.0", json={"artifact_digest": "a" * 64})
    step = "/v1/models/shop.churn/versions/1.0/stage"
    assert house.ask("POST", step, json={"to": "STAGING", "reason": "tests pass"}).status_code == 201
    refused = house.ask("POST", step, json={"to": "PRODUCTION", "reason": "go"})
    assert (refused.status_code, "monitor apply" in refused.json()["detail"]) == (409, True)
    put(house)
    assert house.ask("POST", step, json={"to": "PRODUCTION", "reason": "go", "expected": "STAGING"}).status_code == 201
    assert house.ask("POST", step, json={"to": "PRODUCTION", "reason": "go"}).status_code == 200
    view = house.ask("GET", "/v1/models/shop.churn").json()
    assert (view["name"], view["namespace"], view["versions"][0]["stage"]) == ("churn", "shop", "PRODUCTION")
    assert [entry["to"] for entry in view["versions"][0]["history"]] == ["STAGING", "PRODUCTION"]
    assert [model["model_id"] for model in house.ask("GET", "/v1/models").json()] == ["shop.churn"]


def test_registering_again_is_found_existing(house):
    assert house.ask("PUT", "/v1/models/m", json={"owner": "ann"}).status_code == 201
    assert house.ask("PUT", "/v1/models/m", json={"owner": "ann"}).status_code == 200


def test_requests_with_unknown_fields_or_stages_are_refused(house):
    assert house.ask("PUT", "/v1/models/m", json={"ownr": "ann"}).status_code == 422
    house.ask("PUT", "/v1/models/m", json={})
    house.ask("PUT", "/v1/models/m/versions/1", json={})
    answer = house.ask("POST", "/v1/models/m/versions/1/stage", json={"to": "LIVE", "reason": "x"})
    assert answer.status_code == 422


def test_what_is_not_there_is_not_found(house):
    assert house.ask("GET", "/v1/models/nobody").status_code == 404
    assert house.ask("GET", "/v1/monitors/nobody").status_code == 404
    assert house.ask("PUT", "/v1/models/nobody/versions/1", json={}).status_code == 404


def test_an_id_beyond_128_bytes_is_refused(house):
    assert put(house, LEAST.replace("shop.churn", "x" * 129), model="x" * 129).status_code == 422


def test_while_the_broker_is_away_changes_are_refused_as_unavailable(house):
    put(house)
    house.cluster.set_available(False)
    answer = put(house, LEAST + "minimum_n: 9\n")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert house.ask("GET", "/v1/monitors").status_code == 200
    house.cluster.set_available(True)
    assert put(house, LEAST + "minimum_n: 9\n").status_code == 201


def test_a_model_id_may_hold_a_slash(house):
    assert put(house, LEAST.replace("shop.churn", "shop/churn"), model="shop%2Fchurn").status_code == 201
    assert house.ask("GET", "/v1/monitors/shop%2Fchurn").json()["model_id"] == "shop/churn"
    house.ask("PUT", "/v1/models/shop%2Fchurn", json={})
    assert house.ask("PUT", "/v1/models/shop%2Fchurn/versions/a%2F1", json={}).status_code == 201
    step = "/v1/models/shop%2Fchurn/versions/a%2F1/stage"
    assert house.ask("POST", step, json={"to": "STAGING", "reason": "x"}).json()["versions"][0]["stage"] == "STAGING"
