"""The HTTP side of a service: health, metrics, problem documents, bearer tokens, a server in a thread."""

import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from driftline import __version__
from driftline.errors import ConfigurationError, Unavailable
from driftline.runtime.body_limit import BodyLimit
from driftline.runtime.health import Health
from driftline.runtime.problems import Problem, install_problems, problem_response
from driftline.runtime.tokens import Actor, TokenBook

__all__ = ["Access", "HttpServer", "create_app"]

_BODY_LIMIT = 10 * 1024 * 1024
_STOP_SECONDS = 10.0


class Access:
    """Bearer tokens as FastAPI dependencies: `Depends(access.require("operator"))` gives the Actor."""

    def __init__(self, tokens: TokenBook) -> None:
        """Keep the book."""
        self._tokens = tokens
        self._scheme = HTTPBearer(auto_error=False, description="driftline token create")

    def require(self, *roles: str) -> Callable[..., Actor]:
        """Return a dependency: 401 without a good token, 403 without one of the roles; no role means any."""

        def dependency(
            credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(self._scheme)],
        ) -> Actor:
            actor = self.identify(None if credentials is None else credentials.credentials)
            if roles and not actor.may(*roles):
                raise Problem(
                    403,
                    "forbidden",
                    f"{actor.name} may not do this: it wants the role {' or '.join(roles)}",
                    remedy=f"ask an administrator for a token with --role {roles[0]}",
                )
            return actor

        return dependency

    def identify(self, token: str | None) -> Actor:
        """Return whose token it is; raises Problem 401. For cookies and other carriers too."""
        actor = None if token is None else self._tokens.actor(token)
        if actor is None:
            raise Problem(
                401,
                "unauthorized",
                "no token was sent" if token is None else "the token is not known here",
                remedy="send Authorization: Bearer TOKEN; `driftline token create` makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return actor


def create_app(
    title: str,
    *,
    health: Health,
    registry: CollectorRegistry,
    body_limit: int = _BODY_LIMIT,
) -> FastAPI:
    """Return an application with `/healthz`, `/readyz`, `/metrics`, `/docs`, `/redoc` and problem documents; add routes to it.

    `/-/healthy` and `/-/ready` are the same under the names that Prometheus and its kin have for them.
    """
    app = FastAPI(title=title, version=__version__)
    install_problems(app)
    app.add_middleware(BodyLimit, limit=body_limit)

    @app.exception_handler(Unavailable)
    async def on_unavailable(request: Request, error: Unavailable) -> Response:
        problem = Problem(503, "unavailable", str(error), remedy="try again", headers={"Retry-After": "2"})
        return problem_response(problem, request.url.path)

    @app.get("/-/healthy", include_in_schema=False)
    @app.get("/healthz", tags=["operations"], summary="Does the process live?")
    async def healthz() -> JSONResponse:
        return _status(health.not_live(), "live")

    @app.get("/-/ready", include_in_schema=False)
    @app.get("/readyz", tags=["operations"], summary="May it be sent work?")
    async def readyz() -> JSONResponse:
        return _status(health.not_ready(), "ready")

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _status(reasons: dict[str, str], good: str) -> JSONResponse:
    status = good if not reasons else f"not {good}"
    # The process id tells whoever started a process that it is this one that answers.
    return JSONResponse({"status": status, "reasons": reasons, "pid": os.getpid()}, 503 if reasons else 200)


class HttpServer:
    """uvicorn in a thread, so that the batch loop keeps the main one."""

    def __init__(self, app: Callable[..., Awaitable[None]], host: str, port: int) -> None:
        """Bind at once, so that a taken port is told before anything else starts; port 0 takes a free one."""
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({error.strerror}): set DRIFTLINE_HTTP_PORT to a free port, or 0"
            ) from error
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def url(self) -> str:
        """Return the address for a browser on this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  compared, not bound
        return f"http://{host}:{self.port}"

    def start(self, timeout_seconds: float = 30.0) -> None:
        """Serve, and return when requests are answered; raises ConfigurationError if that fails."""
        self._thread.start()
        deadline = time.monotonic() + timeout_seconds
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ConfigurationError(f"the HTTP server on {self.host}:{self.port} did not start; see the log")
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish the requests under way (up to 5 s) and close."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
