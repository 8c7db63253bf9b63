"""A limit on what a request may carry, and an answer that reaches whoever went beyond it."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftline.runtime.problems import Problem, problem_response

__all__ = ["BodyLimit"]

_DRAIN_BODIES = 8
_DRAIN_SECONDS = 10.0


class BodyLimit:
    """ASGI middleware: a larger body is 413, declared or not; what still comes of it is read and thrown away.

    A server that closes while the caller still writes resets the connection, and the answer is lost with it: so the
    rest is drained first, up to eight times the limit or 10 s. Whoever sends more than that may see a reset.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """Wrap an application; `limit` in bytes."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._limit:
            if b"expect" not in headers:  # such a caller waits for our word before it sends the body
                await self._drain(receive)
            problem = _too_large(f"the body has {int(declared)} bytes, more than {self._limit}")
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        left = self._limit

        async def counting() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                if message.get("more_body", False):
                    await self._drain(receive)
                raise _too_large(f"the body has more than {self._limit} bytes")
            return message

        await self._app(scope, counting, send)

    async def _drain(self, receive: Receive) -> None:
        left = _DRAIN_BODIES * self._limit
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return


def _too_large(detail: str) -> Problem:
    return Problem(413, "too_large", detail, remedy="send it in smaller batches", headers={"Connection": "close"})
