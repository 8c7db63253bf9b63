"""The signed webhook: Standard Webhooks headers, addresses checked and pinned, no redirects.

POST of JSON; delivered are 200, 201 and 202. The name is resolved for every message; each of its addresses must be permitted, and
the connection goes to the very address that was checked, so that a name cannot point elsewhere in between (DNS rebinding).
Proxies of the environment are not used: they would connect to unchecked addresses.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from driftline.alerting.addresses import Address, AllowList
from driftline.alerting.delivery import Outcome, Refused, TryAgain, judge
from driftline.alerting.signature import sign
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.port import Outgoing

_READ_BYTES = 64 * 1024
"""Of an answer's body no more is read, to reuse the connection."""

Resolve = Callable[[str, int], Sequence[Address]]


class _NotPermitted(Exception):
    """The name leads to an address that is private and not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where a webhook goes and with what keys it is signed."""

    url: str
    keys: tuple[bytes, ...]
    timeout_seconds: float = 30.0

    def __repr__(self) -> str:
        return f"WebhookTarget({urlsplit(self.url).hostname})"  # paths of webhooks are often secrets, keys always


def resolve(host: str, port: int) -> Sequence[Address]:
    """All addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class WebhookChannel:
    """Sends to one URL over connections that are kept open, one per thread."""

    def __init__(self, target: WebhookTarget, allowed: AllowList, clock: Clock, resolver: Resolve = resolve) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._target = target
        self._parts = _checked(target.url)
        self._allowed = allowed
        self._clock = clock
        self._resolve = resolver
        self._local = threading.local()
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None

    def send(self, message: Outgoing) -> Outcome:
        """Sign and post; see the Channel port."""
        now = self._clock.now_us()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "driftline-alerting",
            **sign(
                self._target.keys,
                message_id=message.notification_id,
                timestamp_seconds=now // 1_000_000,
                body=message.body,
            ),
        }
        try:
            address = self._address()
        except OSError as error:
            return TryAgain(f"the name {self._parts.hostname} cannot be resolved: {error}")
        except _NotPermitted as error:
            return Refused(str(error))
        return self._post(address, message.body, headers)

    def close(self) -> None:
        """Connections close with their threads."""
        self._drop()

    def _address(self) -> Address:
        host = self._parts.hostname or ""
        addresses = self._resolve(host, _port(self._parts))
        for address in addresses:
            if not self._allowed.permits(address):
                message = (
                    f"{host} leads to {address}, which is not public; "
                    "if that is meant, add it to DRIFTLINE_ALERTING_ALLOW_ADDRESSES"
                )
                raise _NotPermitted(message)
        if not addresses:
            raise OSError("it has no address")
        return addresses[0]

    def _post(self, address: Address, body: bytes, headers: dict[str, str]) -> Outcome:
        kept: _Pinned | None = getattr(self._local, "connection", None)
        reuse = kept is not None and kept.address == address
        connection = kept if kept is not None and reuse else self._connect(address)
        try:
            return self._exchange(connection, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self._drop()
            if not reuse:
                return TryAgain(f"the connection broke: {type(error).__name__}")
            # The server closed a kept connection meanwhile: that is no failure of this message.
            return self._post(address, body, headers)
        except TimeoutError:
            self._drop()
            return TryAgain(f"no answer within {self._target.timeout_seconds:g} s")
        except ssl.SSLCertVerificationError as error:
            self._drop()
            return TryAgain(f"its certificate is not valid: {error.verify_message}")
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            return TryAgain(f"{type(error).__name__}: {error}")

    def _exchange(self, connection: "_Pinned", body: bytes, headers: dict[str, str]) -> Outcome:
        path = self._parts.path or "/"
        target = f"{path}?{self._parts.query}" if self._parts.query else path
        deadline = _Deadline(connection, self._target.timeout_seconds)
        with deadline:
            connection.request("POST", target, body=body, headers=headers)
            answer = connection.getresponse()
            if deadline.over:
                raise TimeoutError
            reusable = _read_to_end(answer)
        if deadline.over or answer.will_close or not reusable:
            self._drop()
        return judge(answer.status, retry_after=answer.getheader("Retry-After"), now=self._clock.now_us())

    def _connect(self, address: Address) -> "_Pinned":
        self._drop()
        connection = _Pinned(self._parts, address, self._target.timeout_seconds, self._tls)
        self._local.connection = connection
        return connection

    def _drop(self) -> None:
        kept = getattr(self._local, "connection", None)
        if kept is not None:
            kept.close()
            self._local.connection = None


def _read_to_end(answer: http.client.HTTPResponse) -> bool:
    """Whether the rest of an answer was read, so that its connection can be used again. What it says is of no interest."""
    try:
        return len(answer.read(_READ_BYTES)) < _READ_BYTES
    except (OSError, http.client.HTTPException):
        return False


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address, whatever the name says by now."""

    def __init__(self, parts: SplitResult, address: Address, timeout_seconds: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(parts.hostname or "", _port(parts), timeout=timeout_seconds)
        self.address = address
        self._tls = tls
        if tls is not None:
            self.default_port = 443

    def connect(self) -> None:
        """Connect to the address; TLS checks the certificate against the name."""
        plain = socket.create_connection((str(self.address), self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self.host)


class _Deadline:
    """Ends a connection after the timeout: a server that answers one byte at a time must not hold a sender."""

    def __init__(self, connection: _Pinned, seconds: float) -> None:
        self._connection = connection
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.over = False

    def _end(self) -> None:
        self.over = True
        sock = self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already, which is all we want
                return

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        self._timer.cancel()
        if self.over and error is not None:
            raise TimeoutError from error


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the webhook URL must be https://host/path or http://host/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("the webhook URL must not hold a user or password; the message is signed instead")
    try:
        _port(parts)
    except ValueError as error:
        raise ConfigurationError(f"the webhook URL has a bad port: {error}") from error
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
