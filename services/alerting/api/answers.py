"""The doors for Slack's buttons and PagerDuty's webhooks. They carry no token: their signatures say who sends."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection

from driftline.alerting.answers import Answer, Untrusted, check_pagerduty, check_slack, read_pagerduty, read_slack
from driftline.alerting.channels.pagerduty import dedup_key
from driftline.alerting.grouping import Group
from driftline.clock import Clock
from driftline.runtime.problems import Problem
from services.alerting.store import groups
from services.alerting.store.answering import answer
from services.alerting.store.database import Database

_MOST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """By what their requests are recognised; None where nobody is listened to."""

    slack: str | None
    pagerduty: str | None


def answer_routes(database: Database, secrets: Secrets, clock: Clock, on_answered: Callable[[], None]) -> APIRouter:
    """`on_answered` wakes those who tell of it."""
    router = APIRouter(prefix="/v1", tags=["answers"])

    async def act(
        request: Request, read: Callable[[bytes], Iterable[Answer]], find: Callable[..., Group | None]
    ) -> dict[str, Any]:
        try:
            given = tuple(read(await request.body()))
        except ValueError as error:
            raise Problem(400, "unreadable", f"the request {error}", remedy="see docs/channels") from error
        return {"done": await run_in_threadpool(_do, database, given, find, clock.now_us(), on_answered)}

    @router.post("/slack/interactions", summary="Buttons of Slack messages, signed by Slack")
    async def slack_interaction(request: Request) -> dict[str, Any]:
        secret, body = _known(secrets.slack, "SLACK_SIGNING_SECRET"), await _body(request)
        headers = request.headers
        stamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
        with _trusted():
            check_slack(secret, timestamp=stamp, signature=signature, body=body, now=clock.now_us())
        return await act(request, read_slack, groups.find)

    @router.post("/pagerduty/events", summary="Webhooks V3 of PagerDuty, signed by PagerDuty")
    async def pagerduty_event(request: Request) -> dict[str, Any]:
        secret, body = _known(secrets.pagerduty, "PAGERDUTY_WEBHOOK_SECRET"), await _body(request)
        with _trusted():
            check_pagerduty(secret, signatures=request.headers.get("X-PagerDuty-Signature", ""), body=body)
        return await act(request, read_pagerduty, _by_dedup_key)

    return router


def _do(
    database: Database,
    given: Iterable[Answer],
    find: Callable[[Connection, str], Group | None],
    now: int,
    on_answered: Callable[[], None],
) -> int:
    with database.write() as tx:
        done = sum(answer(tx, group, one, now) for one in given if (group := find(tx, one.group)) is not None)
    on_answered()
    return done


def _by_dedup_key(tx: Connection, key: str) -> Group | None:
    found = next((name for name in groups.keys(tx) if dedup_key(name) == key), None)
    return None if found is None else groups.find(tx, found)


def _known(secret: str | None, name: str) -> str:
    if secret is None:
        raise Problem(404, "not_configured", "nobody is listened to here", remedy=f"set DRIFTLINE_ALERTING_{name}")
    return secret


async def _body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise Problem(413, "too_large", "no such request is as large", remedy="send what the channel documents")
    return body


@contextmanager
def _trusted() -> Iterator[None]:
    """A request that is not trusted is answered 401."""
    try:
        yield
    except Untrusted as error:
        raise Problem(401, "unauthorized", str(error), remedy="see docs/channels") from error
