"""Processes that speak Alertmanager's API: our own router alone, and Alertmanager, its peer; one YAML and one client for both.

`DRIFTLINE_ALERTMANAGER` names the peer's binary, else it is looked for on the path: `alertmanager`
(`go install github.com/prometheus/alertmanager/cmd/alertmanager@v0.31.1`), then Debian's `prometheus-alertmanager`.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from driftline.broker.embedded import free_port
from driftline.clock import SystemClock
from driftline.envelope import iso_time
from tests.integration.alerting_harness import ROOT, SECRET, wait_for

ALERTMANAGER = (
    os.environ.get("DRIFTLINE_ALERTMANAGER") or shutil.which("alertmanager") or shutil.which("prometheus-alertmanager") or ""
)
MISSING = "needs alertmanager: go install it, or apt-get install prometheus-alertmanager"


class Router:
    """A process that routes alerts; it may be killed and started again on the same data."""

    name: str

    def __init__(self, folder: Path, config: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "am.yml"
        self.config.write_text(config)
        self.process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._client.close()

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=ROOT, env=self.environment(), stdout=log, stderr=log)
        wait_for(self._ready, seconds=60, what=f"{self.name} to be ready")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def post(self, *alerts: Mapping[str, Any]) -> None:
        self._client.post("/api/v2/alerts", json=list(alerts)).raise_for_status()

    def silence(self, **labels: str) -> str:
        """Silence alerts with these labels for an hour; returns the silence's id."""
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
        given = {"matchers": matchers, "startsAt": moment(), "endsAt": moment(3600), "createdBy": "me", "comment": "test"}
        answer = self._client.post("/api/v2/silences", json=given).raise_for_status()
        return str(answer.json()["silenceID"])

    def unsilence(self, silence: str) -> None:
        self._client.delete(f"/api/v2/silence/{silence}").raise_for_status()

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def reload(self) -> None:
        self._client.post("/-/reload").raise_for_status()

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return self._client.get(self.ready_path).is_success
        except httpx.TransportError:
            return False

    ready_path = "/-/ready"


class Driftline(Router):
    """`python -m services.alerting --alone`."""

    name = "driftline"
    ready_path = "/readyz"
    channel: Mapping[str, str] = {}
    """Settings beside the usual ones."""

    def command(self) -> list[str]:
        words = ["--alone", "--config", str(self.config), "--listen", f"127.0.0.1:{self.port}", "--data", str(self.folder)]
        return [sys.executable, "-m", "services.alerting", *words]

    def environment(self) -> dict[str, str]:
        signed = {"DRIFTLINE_ALERTING_ALLOW_ADDRESSES": "127.0.0.1", "DRIFTLINE_ALERTING_WEBHOOK_SECRET": SECRET}
        return {**super().environment(), **signed, **self.channel}


class Alertmanager(Router):
    """The peer, without a cluster."""

    name = "Alertmanager"

    def command(self) -> list[str]:
        words = ("--cluster.listen-address=", "--log.level=error", f"--web.listen-address=127.0.0.1:{self.port}")
        return [ALERTMANAGER, f"--config.file={self.config}", f"--storage.path={self.folder}", *words]


def moment(seconds: float = 0.0) -> str:
    """RFC 3339, from now."""
    return iso_time(SystemClock().now_us() + int(seconds * 1_000_000))


@dataclass
class Told:
    """One webhook as it came."""

    path: str
    at: float
    id: str
    body: dict[str, Any]
    begun: float = 0.0


@dataclass
class Sink:
    """Takes webhooks of many receivers on one port, cheaply. `answers` says by path what to answer (once each, then 200)."""

    told: list[Told] = field(default_factory=list)
    answers: dict[str, list[tuple[int, float, str]]] = field(default_factory=dict)
    """By path: status, seconds to wait before it, further header lines."""
    delay: float = 0.0
    """Seconds before every answer."""
    under_way: int = 0
    keep: bool = True
    """Whether bodies are read; without it they are counted only."""
    count: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def of(self, path: str) -> Sequence[Told]:
        return [one for one in list(self.told) if one.path == path]


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].decode("latin-1")
            lines = [line.partition(":") for line in head.split("\r\n")]
            headers = {name.lower(): value.strip() for name, _, value in lines[1:]}
            size = end + 4 + int(headers["content-length"])
            if len(self._data) < size:
                return
            body, self._data = self._data[end + 4 : size], self._data[size:]
            self._take(head.split(" ", 2)[1], headers.get("webhook-id", ""), body)

    def _take(self, path: str, message: str, body: bytes) -> None:
        sink = self._sink
        planned = sink.answers.get(path)
        status, wait, more = planned.pop(0) if planned else (200, sink.delay, "")
        sink.under_way += 1
        begun = time.monotonic()

        def answer() -> None:
            sink.under_way -= 1
            if status < 300:
                sink.count += 1
                if sink.keep:
                    sink.told.append(Told(path, time.monotonic(), message, json.loads(body), begun))
            self._transport.write(f"HTTP/1.1 {status} OK\r\n{more}Content-Length: 0\r\n\r\n".encode())

        if wait:
            asyncio.get_running_loop().call_later(wait, answer)
        else:
            answer()
