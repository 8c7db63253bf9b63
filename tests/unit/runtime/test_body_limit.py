"""What happens to a body beyond the limit: the caller must be able to read the answer."""

import asyncio

import pytest

from driftline.runtime.body_limit import BodyLimit

LIMIT = 1000


async def read_all(scope, receive, send):
    while (await receive()).get("more_body", False):
        pass


def call(headers, bodies, app=read_all):
    """Return the messages sent, and how many pieces of the body were left unread."""
    left, sent = list(bodies), []

    async def receive():
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": "/v1/predictions", "headers": headers}
    asyncio.run(BodyLimit(app, LIMIT)(scope, receive, send))
    return sent, len(left)


def test_a_declared_body_is_read_to_its_end_before_the_answer():
    sent, left = call([(b"content-length", b"3000")], [b"x" * 1000] * 3)

    assert (sent[0]["status"], left) == (413, 0)


def test_a_caller_that_waits_for_continue_is_answered_at_once():
    sent, left = call([(b"content-length", b"3000"), (b"expect", b"100-continue")], [b"x" * 1000] * 3)

    assert (sent[0]["status"], left) == (413, 3)


def test_an_undeclared_body_is_read_to_its_end_before_the_refusal():
    seen = []

    async def app(scope, receive, send):
        with pytest.raises(Exception, match="more than 1000 bytes"):
            await read_all(scope, receive, send)
        seen.append("refused")

    assert (call([], [b"x" * 600] * 4, app), seen) == (([], 0), ["refused"])


def test_a_body_without_end_is_given_up():
    sent, left = call([(b"content-length", b"90000")], [b"x" * 1000] * 90)

    assert (sent[0]["status"], left) == (413, 82)


def test_a_body_on_the_limit_passes():
    sent, left = call([(b"content-length", b"1000")], [b"x" * 500] * 2)

    assert (sent, left) == ([], 0)
