"""Who may come in: programs with a bearer token, people with the cookie that a token or a link gave them."""

from typing import Annotated
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment

from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import VIEWERS, Actor
from services.console import metrics
from services.console.api.sessions import COOKIE, LINK_US, SESSION_US, Sessions
from services.console.api.views import safe_url

_MOST_BYTES = 4096


class LoginNeeded(Exception):
    """A page was asked for without a session; the answer is the way to the login."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


class Door:
    """Dependencies for routes, and the routes of logging in and out."""

    def __init__(self, access: Access, sessions: Sessions) -> None:
        self._access = access
        self._sessions = sessions

    def visitor(self, request: Request) -> Actor:
        """For pages: raises LoginNeeded without a session."""
        actor = self._sessions.actor(request.cookies.get(COOKIE))
        if actor is None:
            query = f"?{request.url.query}" if request.url.query else ""
            raise LoginNeeded(request.url.path + query)
        return actor

    def caller(self, request: Request) -> Actor:
        """For data: the cookie or a bearer token; raises Problem 401 or 403."""
        actor = self._sessions.actor(request.cookies.get(COOKIE))
        return actor if actor is not None else self._with_token(request.headers.get("authorization"))

    def _with_token(self, header: str | None) -> Actor:
        scheme, _, token = (header or "").partition(" ")
        return self._viewer(token.strip() if scheme.lower() == "bearer" else None)

    def _viewer(self, token: str | None) -> Actor:
        actor = self._access.identify(token)
        if not actor.may(*VIEWERS):
            remedy = "ask an administrator for a token with --role viewer"
            raise Problem(403, "forbidden", f"{actor.name} may not look at the console", remedy=remedy)
        return actor

    def routes(self, templates: Environment) -> APIRouter:
        """`/login`, `/logout` and `/v1/login-links`."""
        router = APIRouter()
        form = templates.get_template("login.html")

        @router.get("/login", include_in_schema=False)
        def login(
            code: Annotated[str | None, Query(max_length=200)] = None, to: Annotated[str, Query(max_length=2000)] = "/"
        ) -> Response:
            if code is None:
                return HTMLResponse(form.render(to=to, complaint=""))
            actor = self._sessions.redeem(code)
            if actor is None:
                metrics.LOGINS.labels(outcome="refused").inc()
                complaint = "This link was used already or is older than ten minutes. Ask for a new one, or paste a token."
                return HTMLResponse(form.render(to=to, complaint=complaint), 401)
            return self._let_in(actor, to, secure=False)

        @router.post("/login", include_in_schema=False)
        async def login_with_token(request: Request) -> Response:
            body = (await request.body())[:_MOST_BYTES]
            fields = parse_qs(body.decode("utf-8", "replace"))
            to = fields.get("to", ["/"])[0]
            try:
                actor = self._viewer(fields.get("token", [""])[0].strip())
            except Problem as refused:
                metrics.LOGINS.labels(outcome="refused").inc()
                return HTMLResponse(form.render(to=to, complaint=refused.detail), refused.status_code)
            return self._let_in(actor, to, secure=request.url.scheme == "https")

        @router.post("/logout", include_in_schema=False)
        def logout(request: Request) -> Response:
            self._sessions.end(request.cookies.get(COOKIE))
            answer = RedirectResponse("/login", 303)
            answer.delete_cookie(COOKIE)
            return answer

        @router.post("/v1/login-links", tags=["login"], summary="A link that logs its reader in once, within ten minutes")
        def make_link(actor: Annotated[Actor, Depends(self.caller)]) -> dict[str, object]:
            return {"path": f"/login?code={self._sessions.link(actor)}", "expires_in_seconds": LINK_US // 1_000_000}

        return router

    def _let_in(self, actor: Actor, to: str, *, secure: bool) -> Response:
        metrics.LOGINS.labels(outcome="accepted").inc()
        wanted = safe_url(to)
        answer = RedirectResponse(wanted if wanted.startswith("/") else "/", 303)
        answer.set_cookie(
            COOKIE, self._sessions.begin(actor), max_age=SESSION_US // 1_000_000, httponly=True, samesite="lax", secure=secure
        )
        return answer


def login_path(wanted: str) -> str:
    """Where to log in on the way to a page."""
    return "/login" if wanted == "/" else f"/login?to={quote(wanted, safe='')}"
