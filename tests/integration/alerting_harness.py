"""A real alerting process, a broker with its topics, and somebody who receives its webhooks."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from standardwebhooks import Webhook

from driftline import codec, topics
from driftline.broker.embedded import free_port
from driftline.envelope import Envelope, deterministic_id, read
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Producer, TopicPartition
from driftline.runtime.preflight import new_topic
from driftline.runtime.tokens import create_token
from services.alerting.app import SOURCES, TARGETS
from services.alerting.jobs.response import desk as response

ROOT = Path(__file__).parents[2]
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TOPICS = tuple(dict.fromkeys((*SOURCES, *TARGETS, *response.TOPICS)))


def create_topics(bootstrap: str) -> None:
    ConfluentCluster.at(bootstrap).admin().create([new_topic(topics.catalogue()[name]) for name in TOPICS])


def delete_topics(bootstrap: str) -> None:
    ConfluentCluster.at(bootstrap).admin().delete([topics.name(name) for name in TOPICS])


def produce(producer: Producer, event: Any, *parts: str | int) -> str:
    """Queue an event as the drift service would; returns its id."""
    name = type(event).__name__
    drift = name.startswith("Drift")
    identity = parts or ((event.episode_id, event.sequence) if drift else (event.subject, event.at))
    envelope = Envelope(id=deterministic_id(name, *identity), type=name, source="/drift", time_us=1)
    key = event.model_id if drift else event.subject
    topic = topics.name("drift-events" if drift else "health")
    producer.produce(topic, codec.encode(event), key=key.encode(), headers=envelope.headers())
    return envelope.id


def read_topic(bootstrap: str, topic: str) -> list[tuple[str, Any]]:
    """Id and event of every committed record of a topic."""
    cluster = ConfluentCluster.at(bootstrap)
    name = topics.name(topic)
    places = [TopicPartition(name, number) for number in range(topics.catalogue()[topic].partitions)]
    consumer = cluster.consumer("test-reader")
    try:
        ends = consumer.ends(places)
        consumer.assign(dict.fromkeys(places, 0))
        found = []
        while any(consumer.positions([place])[place] < ends[place] for place in places):
            for message in consumer.consume(500, 0.2):
                envelope = read(message.headers())
                assert envelope is not None
                found.append((envelope.id, codec.decode(message.value() or b"")))
    finally:
        consumer.close()
    return found


def sign(message_id: str, body: bytes, at: int | None = None) -> dict[str, str]:
    """Headers by Standard Webhooks, written a second time so that they can judge the first."""
    seconds = time.time_ns() // 1_000_000_000 if at is None else at
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{signature}"}


@dataclass
class Hook:
    """One received webhook."""

    id: str
    at: float
    body: dict[str, Any]


@dataclass
class Receiver:
    """Takes webhooks on a port of this machine; `answer` may be changed to fail."""

    port: int = field(default_factory=free_port)
    answer: Callable[[str], tuple[int, Mapping[str, str]]] = lambda _id: (200, {})
    hooks: list[Hook] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.check(self.headers, body)
                message = self.headers["webhook-id"]
                outer.attempts.append(message)
                code, headers = outer.answer(message)
                if code in (200, 201, 202):
                    outer.hooks.append(Hook(message, time.monotonic(), json.loads(body)))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def check(headers: Any, body: bytes) -> None:
        """Verify the signature and its time by the package of the specification."""
        Webhook(SECRET).verify(body, {name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")})


@dataclass
class Service:
    """`python -m services.alerting` as a process."""

    bootstrap: str
    folder: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.token = self.token or create_token(self.folder / "tokens.json", "tester", ["viewer"])
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, *, wait: bool = True) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")},
            "DRIFTLINE_KAFKA_BOOTSTRAP": self.bootstrap,
            "DRIFTLINE_DATA_DIR": str(self.folder),
            "DRIFTLINE_TOKENS_FILE": str(self.folder / "tokens.json"),
            "DRIFTLINE_HTTP_PORT": str(self.port),
            "DRIFTLINE_ALERTING_WEBHOOK_SECRET": SECRET,
            "DRIFTLINE_ALERTING_ALLOW_ADDRESSES": "127.0.0.1",
            "DRIFTLINE_ALERTING_GROUP_WAIT_SECONDS": "0",
            "DRIFTLINE_ALERTING_GROUP_INTERVAL_SECONDS": "0.5",
            **self.environment,
        }
        log = (self.folder / "alerting.log").open("ab")
        command = [sys.executable, "-X", "faulthandler", "-m", "services.alerting"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdout=log)
        log.close()
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready within {seconds} s\n{self.log}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds: float = 30.0) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    @property
    def log(self) -> str:
        return (self.folder / "alerting.log").read_text()

    def get(self, path: str, **parameters: Any) -> Any:
        response = httpx.get(
            f"http://127.0.0.1:{self.port}{path}",
            params=parameters,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=10,
        )
        response.raise_for_status()
        return response.json()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0, what: str = "the condition") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.02)
