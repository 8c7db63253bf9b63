"""The application of the console: pages, data, door and assets, behind one set of security headers."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftline.clock import Clock
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from services.console.api import data, pages
from services.console.api.assets import Assets
from services.console.api.checks import routes as check_routes
from services.console.api.door import Door, LoginNeeded, login_path
from services.console.api.feed import Feed
from services.console.api.sessions import Sessions
from services.console.api.views import environment
from services.console.store.checks import CheckQueries
from services.console.store.queries import Queries

_BODY_LIMIT = 64 * 1024

_HEADERS = [
    (
        b"content-security-policy",
        # plotly sets styles on what it draws, hence 'unsafe-inline' for styles; scripts come from files only.
        b"; ".join(
            (
                b"default-src 'none'",
                b"script-src 'self'",
                b"style-src 'self' 'unsafe-inline'",
                b"img-src 'self' data: blob:",
                b"connect-src 'self'",
                b"form-action 'self'",
                b"base-uri 'none'",
                b"frame-ancestors 'none'",
            )
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_OWN_PAGES = ("/docs", "/redoc", "/openapi.json")


def application(
    *, queries: Queries, checks: CheckQueries, feed: Feed, access: Access, clock: Clock, health: Health, runbooks: Path
) -> FastAPI:
    """Pages, data, live feed, login, health and metrics."""
    app = create_app("Driftline console", health=health, registry=REGISTRY, body_limit=_BODY_LIMIT)
    assets, templates = Assets(), environment()
    templates.globals["asset"] = assets.url
    door = Door(access, Sessions(clock))
    for router in (
        pages.routes(pages.Sources(queries, checks, clock), templates, door, runbooks),
        data.routes(queries, door, feed),
        check_routes(checks, door, clock),
        door.routes(templates),
        assets.routes(),
    ):
        app.include_router(router)

    @app.exception_handler(LoginNeeded)
    async def on_login_needed(_request: Request, needed: LoginNeeded) -> Response:
        return RedirectResponse(login_path(needed.wanted), 303)

    app.add_middleware(SecurityHeaders)
    return app


class SecurityHeaders:
    """ASGI middleware: no script but our own files, no framing, no guessing of types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to every answer but the OpenAPI pages, which load scripts of their own."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN_PAGES):
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers)
