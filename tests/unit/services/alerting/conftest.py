import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline.alerting.enrichment import Links
from driftline.alerting.routing import Routing
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.alerting.api.alerts import routes
from services.alerting.api.life import explain_routes, life_routes
from services.alerting.api.silences import silence_routes
from tests.unit.services.alerting.bench_of_parts import Parts


@pytest.fixture
def make_parts(tmp_path: Path) -> Iterator[Callable[..., Parts]]:
    """Build the parts of a service; several calls stand for several lives of it, one after the other."""
    made: list[Parts] = []

    def make(routing: Routing | None = None, **options: Any) -> Parts:
        for earlier in made:
            earlier.database.close()
        clock = made[-1].clock if made else None
        made.append(Parts(tmp_path, routing, clock=clock, **options))
        return made[-1]

    yield make
    for parts in made:
        parts.database.close()


@pytest.fixture
def parts(make_parts: Callable[..., Parts]) -> Parts:
    return make_parts()


class Door:
    """The API without a socket."""

    def __init__(self, app, tokens) -> None:
        self.app = app
        self.tokens = tokens

    def get(self, path, *, role="viewer", **options) -> httpx.Response:
        return self.send("GET", path, role=role, **options)

    def send(self, method, path, *, role="operator", **options) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}

        async def request():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://alerting") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(request())


@pytest.fixture
def door(tmp_path):
    """Give some routes a door; `routes_of(access)` returns them."""

    def make(routes_of) -> Door:
        file = tmp_path / "tokens.json"
        tokens = {role: create_token(file, role, [role]) for role in ("viewer", "producer", "operator")}
        app = create_app("test", health=Health(), registry=CollectorRegistry())
        for router in routes_of(Access(TokenBook(file))):
            app.include_router(router)
        return Door(app, tokens)

    return make


@pytest.fixture
def client(parts, door) -> Door:
    return door(
        lambda access: (
            routes(parts.database, Links(), access),
            silence_routes(parts.database, access, parts.clock),
            life_routes(parts.database, Links(), access, parts.clock),
            explain_routes(parts.database, parts.in_force, access, parts.clock),
        )
    )
