"""Asking a witness over HTTP (C2SP tlog-witness): at addresses that are permitted, within a time, without redirects or proxies."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import httpx

from driftline.alerting.addresses import Address, AllowList
from driftline.errors import ConfigurationError, Unavailable

__all__ = ["Answer", "WitnessClient"]

_LARGEST_ANSWER: Final = 64 * 1024
Resolve = Callable[[str, int], Sequence[Address]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answered."""

    code: int
    text: str


def _resolve(host: str, port: int) -> Sequence[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class _Pinned(httpx.HTTPTransport):
    """Connects to the very address that was checked, so that a name cannot point elsewhere in between; TLS goes by the name."""

    def __init__(self, allowed: AllowList, resolve: Resolve) -> None:
        super().__init__(retries=0)
        self._allowed = allowed
        self._resolve = resolve

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = self._resolve(host, port)
        except OSError as error:
            raise httpx.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        for address in addresses:
            if not self._allowed.permits(address):
                raise httpx.ConnectError(
                    f"{host} leads to {address}, which is not public; "
                    "if that is meant, add it to DRIFTLINE_LEDGER_WITNESS_ALLOW_ADDRESSES"
                )
        if not addresses:
            raise httpx.ConnectError(f"the name {host} has no address")
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(addresses[0]))
        return super().handle_request(request)


class WitnessClient:
    """One witness by its submission prefix. Safe from any thread."""

    def __init__(
        self,
        url: str,
        *,
        allowed: AllowList | None = None,
        timeout_seconds: float = 5.0,
        resolve: Resolve = _resolve,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`allowed`: private networks that may be reached; None permits every address (who asks chose the URL). Raises ConfigurationError."""
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, TypeError) as error:
            raise ConfigurationError(f"the URL {url!r} of the witness cannot be read: {error}") from error
        if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo or parts.query or parts.fragment:
            raise ConfigurationError(f"the URL {url!r} of a witness is https://host/path, without user, query and fragment")
        if transport is None and allowed is not None:
            transport = _Pinned(allowed, resolve)
        self._url = str(parts).rstrip("/")
        self._seconds = timeout_seconds
        self._client = httpx.Client(transport=transport, timeout=timeout_seconds, trust_env=False, follow_redirects=False)

    def add(self, request: bytes) -> Answer:
        """Ask to cosign; raises Unavailable for a witness that does not answer."""
        return self._ask("POST", f"{self._url}/add-checkpoint", request)

    def head(self, origin: str) -> Answer:
        """Ask for the largest head of a log that it cosigned; raises Unavailable."""
        return self._ask("GET", f"{self._url}/{sha256(origin.encode()).hexdigest()}/checkpoint", None)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _ask(self, method: str, url: str, body: bytes | None) -> Answer:
        deadline = time.monotonic() + self._seconds  # the timeouts of httpx are for each read
        headers = {} if body is None else {"Content-Type": "text/plain; charset=utf-8"}
        try:
            with self._client.stream(method, url, content=body, headers=headers) as answer:
                data = b""
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > _LARGEST_ANSWER or time.monotonic() > deadline:
                        raise Unavailable(f"the witness at {self._url} answers with too much, or too slowly")
        except httpx.HTTPError as error:
            raise Unavailable(f"the witness at {self._url} does not answer: {str(error) or type(error).__name__}") from error
        return Answer(answer.status_code, data.decode("utf-8", "replace"))
