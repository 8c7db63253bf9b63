"""Servers of this machine that stand for Slack, Teams, PagerDuty and a mail relay."""

import asyncio
import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Request:
    """One POST as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class HttpSink:
    """Takes POSTs of JSON; `answer` may be changed to fail."""

    answer: Callable[[Request], Answer] = lambda _: (200, {}, b"ok")
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                request = Request(self.path, dict(self.headers), body)
                outer.requests.append(request)
                code, headers, text = outer.answer(request)
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Mail:
    """One mail as the relay took it."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str | None


class MailSink:
    """A relay on a port of this machine. `refuse` answers a recipient, `after_data` a mail; both may be changed to fail."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        password: str | None = None,
        after_quit: Callable[[], Any] | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        self.refuse: Callable[[str], str | None] = lambda _: None
        self.after_data: Callable[[], str] = lambda: "250 taken"
        self._tls, self._implicit, self._password, self._after_quit = tls, implicit, password, after_quit
        self._loop = asyncio.new_event_loop()

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        ready = threading.Event()

        async def serve() -> None:
            self._server = await self._loop.create_server(
                self._protocol, "127.0.0.1", 0, ssl=self._tls if self._implicit else None
            )
            ready.set()

        def run() -> None:
            self._loop.run_until_complete(serve())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _protocol(self) -> SMTP:
        outer = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, _options):
                if (answer := outer.refuse(address)) is not None:
                    return answer
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                answer = outer.after_data()
                if answer.startswith("250"):
                    user = session.auth_data.login.decode() if session.auth_data else None
                    mail = Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, bool(session.ssl), user)
                    outer.mails.append(mail)
                return answer

            async def handle_QUIT(self, server, session, envelope):
                if outer._after_quit is not None:
                    await outer._after_quit()
                return "221 Bye"

        def check(_server, _session, _envelope, _mechanism, data):
            right = isinstance(data, LoginPassword) and data.password.decode() == outer._password
            return AuthResult(success=right, handled=False, auth_data=data)

        return SMTP(
            Handler(),
            hostname="relay.example.org",
            loop=self._loop,
            tls_context=None if self._implicit else self._tls,
            authenticator=check if self._password is not None else None,
            auth_required=self._password is not None,
            auth_require_tls=not self._implicit,
            ident="sink",
        )


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate for a name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins.replace(year=2120))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
