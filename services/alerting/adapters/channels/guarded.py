"""POST to one host whose addresses are checked and pinned, without redirects.

The name is resolved for every message; each of its addresses must be permitted, and the connection goes to the very address that was
checked, so that a name cannot point elsewhere in between (DNS rebinding). Proxies of the environment are not used: they would connect
to unchecked addresses.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from driftline.alerting.addresses import Address, AllowList
from driftline.alerting.delivery import Refused, TryAgain
from driftline.errors import ConfigurationError

_READ_BYTES = 64 * 1024
"""Of an answer's body no more is read."""

_WATCH_SECONDS = 0.05
"""By so much an exchange may exceed its timeout."""

_WRITABLE = re.compile("[!-~]*")
"""What http.client sends in the first line of a request; for anything else it raises, with the path in its words."""

Resolve = Callable[[str, int], Sequence[Address]]


class NotPermitted(Exception):
    """The name leads to an address that is private and not allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; of its body what came in time, at most 64 kB."""

    code: int
    retry_after: str | None
    body: bytes


def resolve(host: str, port: int) -> Sequence[Address]:
    """All addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def checked_address(host: str, port: int, allowed: AllowList, resolver: Resolve) -> Address:
    """An address of the name that a connection may go to. Raises NotPermitted, or OSError where there is none."""
    addresses = resolver(host, port)
    for address in addresses:
        if not allowed.permits(address):
            message = (
                f"{host} leads to {address}, which is not public; "
                "if that is meant, add it to DRIFTLINE_ALERTING_ALLOW_ADDRESSES"
            )
            raise NotPermitted(message)
    if not addresses:
        raise OSError("it has no address")
    return addresses[0]


@dataclass(frozen=True, slots=True, repr=False)
class _Request:
    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]


class GuardedClient:
    """Posts to one URL, or reads it, over connections that are kept open, one per thread."""

    def __init__(
        self,
        url: str,
        allowed: AllowList,
        *,
        timeout_seconds: float,
        name: str = "the webhook URL",
        resolver: Resolve = resolve,
    ) -> None:
        """`name` is how people know the URL. Raises ConfigurationError for one that can never be sent to."""
        self._parts = _checked(url, name)
        self._allowed = allowed
        self._timeout_seconds = timeout_seconds
        self._resolve = resolver
        self._local = threading.local()
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None

    @property
    def host(self) -> str:
        """The name that is sent to."""
        return self._parts.hostname or ""

    def post(self, body: bytes, headers: Mapping[str, str], *, below: str = "") -> Answer | TryAgain | Refused:
        """Post to the URL, or to `below` it; anything but an Answer means that there was none."""
        return self._request("POST", body, headers, below)

    def get(self, headers: Mapping[str, str]) -> Answer | TryAgain | Refused:
        """Read the URL; anything but an Answer means that there was none."""
        return self._request("GET", None, headers, "")

    def _request(self, method: str, body: bytes | None, headers: Mapping[str, str], below: str) -> Answer | TryAgain | Refused:
        host = self.host
        try:
            address = checked_address(host, _port(self._parts), self._allowed, self._resolve)
        except OSError as error:
            return TryAgain(f"the name {host} cannot be resolved: {error}")
        except NotPermitted as error:
            return Refused(str(error))
        path = (self._parts.path or "/") + below
        target = f"{path}?{self._parts.query}" if self._parts.query else path
        return self._send(address, _Request(method, target, body, headers))

    def close(self) -> None:
        """Connections of other threads close with them."""
        self._drop()

    def _send(self, address: Address, request: "_Request") -> Answer | TryAgain:
        kept: _Pinned | None = getattr(self._local, "connection", None)
        reuse = kept is not None and kept.address == address
        connection = kept if kept is not None and reuse else self._connect(address)
        try:
            return self._exchange(connection, request)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self._drop()
            if not reuse:
                return TryAgain(f"the connection broke: {type(error).__name__}")
            # The server closed a kept connection meanwhile: that is no failure of this message.
            return self._send(address, request)
        except TimeoutError:
            self._drop()
            return TryAgain(f"no answer within {self._timeout_seconds:g} s")
        except ssl.SSLCertVerificationError as error:
            self._drop()
            return TryAgain(f"its certificate is not valid: {error.verify_message}")
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            return TryAgain(f"{type(error).__name__}: {error}")

    def _exchange(self, connection: "_Pinned", request: "_Request") -> Answer:
        deadline = _Deadline(connection, self._timeout_seconds)
        with deadline:
            connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
            answer = connection.getresponse()
            if deadline.over:
                raise TimeoutError
            text, whole = _read(answer)
        if deadline.over or answer.will_close or not whole:
            self._drop()
        return Answer(answer.status, answer.getheader("Retry-After"), text)

    def _connect(self, address: Address) -> "_Pinned":
        self._drop()
        connection = _Pinned(self._parts, address, self._timeout_seconds, self._tls)
        self._local.connection = connection
        return connection

    def _drop(self) -> None:
        kept = getattr(self._local, "connection", None)
        if kept is not None:
            kept.close()
            self._local.connection = None


def _read(answer: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """The body, and whether that was all of it, so that the connection can be used again."""
    try:
        text = answer.read(_READ_BYTES)
    except (OSError, http.client.HTTPException):
        return b"", False
    return text, len(text) < _READ_BYTES


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
        self.ends_at = time.monotonic() + seconds
        self.over = False

    def end(self) -> None:
        """Its time is over."""
        self.over = True
        sock = self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already, which is all we want
                return

    def __enter__(self) -> None:
        _WATCH.add(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        _WATCH.remove(self)
        if self.over and error is not None:
            raise TimeoutError from error


class _Watch:
    """Ends whatever is over its deadline: one thread for all, for a timer of its own costs each message more than its signature."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[_Deadline] = set()
        self._thread: threading.Thread | None = None

    def add(self, deadline: _Deadline) -> None:
        with self._changed:
            self._running.add(deadline)
            if len(self._running) == 1:
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()

    def remove(self, deadline: _Deadline) -> None:
        with self._changed:
            self._running.discard(deadline)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._running:
                    self._changed.wait()
                now = time.monotonic()
                over = [one for one in self._running if one.ends_at <= now and not one.over]
            for one in over:
                one.end()
            time.sleep(_WATCH_SECONDS)


_WATCH = _Watch()


def _checked(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConfigurationError(f"{name} cannot be read: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{name} must be https://host/path or http://host/path")
    if not _WRITABLE.fullmatch(parts.path + parts.query):
        raise ConfigurationError(f"{name} holds a space or a letter that no URL can have; write it as %20 and the like")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{name} must not hold a user or password")
    try:
        _port(parts)
    except ValueError as error:
        raise ConfigurationError(f"{name} has a bad port: {error}") from error
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
