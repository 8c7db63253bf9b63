"""Every service's HTTP side: health, metrics, problem documents, tokens, body limit."""

import asyncio
import os
from typing import Annotated, Literal

import httpx
import pytest
from fastapi import Depends
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel, ConfigDict

from driftline.errors import Unavailable
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.problems import FieldFault, Problem
from driftline.runtime.tokens import Actor, TokenBook, create_token


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int
    kind: Literal["a", "b"] = "a"


class Client:
    """Calls an application without a socket."""

    def __init__(self, app):
        self.app = app

    def request(self, method, path, *, content=None, **options):
        async def chunks():
            for chunk in content:
                yield chunk

        async def call():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                body = content if content is None or isinstance(content, bytes) else chunks()
                return await client.request(method, path, content=body, **options)

        return asyncio.run(call())

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)


class Rig:
    def __init__(self, path):
        self.tokens = {role: create_token(path, f"the-{role}", [role]) for role in ("producer", "viewer", "admin")}
        self.health = Health(lambda: 0.0)
        self.registry = CollectorRegistry()
        access = Access(TokenBook(path))
        app = create_app("test", health=self.health, registry=self.registry, body_limit=1000)
        producer, anyone = access.require("producer"), access.require()

        @app.post("/orders")
        def order(body: Order, actor: Annotated[Actor, Depends(producer)]) -> dict[str, object]:
            return {"actor": actor.name, "count": body.count}

        @app.get("/me")
        def me(actor: Annotated[Actor, Depends(anyone)]) -> dict[str, object]:
            return {"actor": actor.name}

        @app.get("/fail/{how}")
        def fail(how: str) -> None:
            raise {
                "bug": RuntimeError("inside information"),
                "away": Unavailable("Kafka does not answer"),
                "known": Problem(
                    404,
                    "unknown_model",
                    "no model m",
                    remedy="register it",
                    faults=[FieldFault("model_id", "unknown", "register it")],
                    extra={"model_id": "m"},
                ),
            }[how]

        self.client = Client(app)

    def post(self, content=None, role="producer", **options):
        headers = {"Content-Type": "application/json"}
        if role:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if content is not None:
            options["content"] = content
        return self.client.post("/orders", headers=headers, **options)


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "tokens.json")


def _problem(response, status, code):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert {"type", "title", "detail", "instance"} <= body.keys()
    return body


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/problem+json"),
        ("application/json, application/problem+json", "application/problem+json"),
    ],
)
def test_who_accepts_only_json_as_amtool_does_gets_problems_as_that(rig, accept, kind):
    answer = rig.client.get("/me", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["code"], answer.headers["content-type"]) == (401, "unauthorized", kind)


def test_health_and_metrics_need_no_token(rig):
    Counter("driftline_x_total", "x", registry=rig.registry).inc()
    assert rig.client.get("/healthz").status_code == 200
    ready = rig.client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, {"starting": "the service is starting"})
    rig.health.ready()
    assert rig.client.get("/readyz").json() == {"status": "ready", "reasons": {}, "pid": os.getpid()}
    assert (rig.client.get("/-/healthy").status_code, rig.client.get("/-/ready").status_code) == (200, 200)
    assert "driftline_x_total 1.0" in rig.client.get("/metrics").text


def test_a_good_token_gives_the_actor(rig):
    assert rig.post(json={"count": 1}).json() == {"actor": "the-producer", "count": 1}
    assert rig.post(json={"count": 1}, role="admin").status_code == 200


def test_no_token_is_401_with_the_remedy(rig):
    body = _problem(rig.post(json={"count": 1}, role=None), 401, "unauthorized")
    assert "driftline token create" in body["remedy"]


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic abc", "Bearer", "Bearer dl_000000000000_" + "x" * 43])
def test_a_wrong_token_is_401(rig, header):
    response = rig.client.get("/me", headers={"Authorization": header})
    _problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_missing_role_is_403_and_names_it(rig):
    body = _problem(rig.post(json={"count": 1}, role="viewer"), 403, "forbidden")
    assert "the-viewer" in body["detail"]
    assert "--role producer" in body["remedy"]


@pytest.mark.parametrize(
    ("document", "field", "remedy"),
    [
        ({}, "count", "give this field a value"),
        ({"count": "x"}, "count", "/docs"),
        ({"count": 1, "kind": "c"}, "kind", "use one of 'a' or 'b'"),
        ({"count": 1, "more": 1}, "more", "leave this field out"),
    ],
)
def test_a_validation_error_names_the_field_and_the_remedy(rig, document, field, remedy):
    body = _problem(rig.post(json=document), 422, "invalid_request")
    assert body["errors"][0]["field"] == field
    assert remedy in body["errors"][0]["remedy"]
    assert field in body["detail"]


def test_broken_json_is_a_problem_document(rig):
    body = _problem(rig.post(b"{broken"), 422, "invalid_request")
    assert "JSON" in body["errors"][0]["remedy"]


def test_a_declared_body_above_the_limit_is_413(rig):
    body = _problem(rig.post(b"x" * 1001), 413, "too_large")
    assert "1001" in body["detail"]


def test_an_undeclared_body_above_the_limit_is_413(rig):
    _problem(rig.post(iter([b"x" * 600, b"y" * 600])), 413, "too_large")


def test_a_bug_says_nothing_about_the_inside(rig):
    response = rig.client.get("/fail/bug")
    _problem(response, 500, "internal_error")
    assert "inside information" not in response.text


def test_something_away_is_503_with_retry_after(rig):
    response = rig.client.get("/fail/away")
    assert "Kafka" in _problem(response, 503, "unavailable")["detail"]
    assert int(response.headers["retry-after"]) > 0


def test_a_raised_problem_keeps_its_members(rig):
    body = _problem(rig.client.get("/fail/known"), 404, "unknown_model")
    assert body["errors"] == [{"field": "model_id", "detail": "unknown", "remedy": "register it"}]
    assert (body["model_id"], body["remedy"], body["instance"]) == ("m", "register it", "/fail/known")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"), [("GET", "/nowhere", 404, "not_found"), ("GET", "/orders", 405, "method_not_allowed")]
)
def test_wrong_paths_and_methods_are_problem_documents(rig, method, path, status, code):
    assert "/docs" in _problem(rig.client.request(method, path), status, code)["remedy"]
