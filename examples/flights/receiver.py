"""A place that alerts are sent to: a small HTTP server that checks the signature and keeps the messages."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_MAXIMUM_BYTES = 1_000_000


class Receiver:
    """Listens on a free port of this machine; `messages` holds what came with a good signature (Standard Webhooks 1.0)."""

    def __init__(self, secret: str) -> None:
        """`secret`: as Driftline signs with, `whsec_` + base64."""
        self.messages: list[dict[str, Any]] = []
        self.refused = 0
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where to send to, while it listens."""
        assert self._server is not None, "the receiver listens within its `with` block"
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, headers: Any, body: bytes) -> int:
        """HTTP status for a message: 200 when the signature is good and it was kept, 401 otherwise."""
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        given = (headers.get("webhook-signature") or "").split()
        if not any(hmac.compare_digest(expected, each) for each in given):
            self.refused += 1
            return 401
        self.messages.append(json.loads(body))
        return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("content-length", 0)), _MAXIMUM_BYTES)
                status = receiver.take(self.headers, self.rfile.read(length))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The summary shows the messages; the access log would only disturb it."""

        return Handler
