"""Driftline on one machine: an embedded Kafka, the six services as processes of their own, SQLite, one place for all state.

The supervisor does what an operator would do with the command line (create the topics, a token, the ledger's key), once, then starts
the services and starts again what falls: crash-only services rely on it.
"""

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
from typing import IO, Self

import httpx

from driftline.broker.embedded import EmbeddedBroker, free_port
from driftline.broker.resident_memory import peak_rss_bytes
from driftline.errors import DriftlineError, Unavailable

# In order of start: each needs only what stands before it.
SERVICES: Mapping[str, int] = {
    "governance": 8085,
    "ingest": 8081,
    "drift": 8082,
    "alerting": 8083,
    "audit": 8084,
    "console": 8080,
}
"""Services and the port that each prefers."""

_STOP_SECONDS = 20.0
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 30.0
_HEALTHY_SECONDS = 60.0
_MEGABYTE = 1_000_000

Progress = Callable[[str], None]


class ServiceFailed(DriftlineError):
    """A service does not come up; the message holds the end of its log."""


@dataclass(slots=True)
class _Child:
    """One service process and its history."""

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    backoff: float = _FIRST_BACKOFF_SECONDS
    restarts: int = 0
    peak_bytes: int = 0


@dataclass
class Supervisor:
    """Starts, watches and stops everything; `with Supervisor(...) as up:` leaves nothing behind."""

    state: Path
    """Folder for the broker's data, databases, token, key and logs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings given to every service on top of this process's environment."""
    progress: Progress = field(default=lambda _message: None)
    fixed_ports: bool = True
    """Prefer the documented ports; taken ones, and all of them otherwise, give way to free ones."""

    def __post_init__(self) -> None:
        self.state = self.state.absolute()
        self._broker: EmbeddedBroker | None = None
        self._children: dict[str, _Child] = {}
        self._environment: dict[str, str] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Address of the Kafka broker."""
        return self._environment["DRIFTLINE_KAFKA_BOOTSTRAP"]

    @property
    def urls(self) -> dict[str, str]:
        """Where each service listens."""
        return {name: f"http://127.0.0.1:{child.port}" for name, child in self._children.items()}

    @property
    def token(self) -> str:
        """The operator's access token."""
        return self._token_file.read_text(encoding="utf-8").strip()

    @property
    def restarts(self) -> int:
        """How often a service had to be started again."""
        return sum(child.restarts for child in self._children.values())

    def peaks(self) -> dict[str, float]:
        """Largest resident memory of every process so far, in MB, the broker's included."""
        self._measure()
        found = {name: child.peak_bytes / _MEGABYTE for name, child in self._children.items()}
        if self._broker is not None:
            found["kafka"] = self._broker.peak_rss() / _MEGABYTE
        return found

    def start(self) -> None:
        """Bring everything up and wait until it is ready. Raises ServiceFailed, Unavailable or the broker's errors."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self._settings(), **self.environment}
        self._start_broker()
        self._prepare()
        for name, port in SERVICES.items():
            child = _Child(name, self._port(port), self.state / "logs" / f"{name}.log")
            child.log.parent.mkdir(exist_ok=True)
            self._children[name] = child
        self._environment |= {f"DRIFTLINE_{name.upper()}_URL": url for name, url in self.urls.items()}
        for child in self._children.values():
            self._launch(child)
        for child in self._children.values():
            self._wait_ready(child)
        self._watcher.start()

    def stop(self) -> None:
        """Drain the services in reverse order, then the broker; kill what does not go."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._measure()
        for child in reversed(self._children.values()):
            if child.process is not None and child.process.poll() is None:
                self.progress(f"stopping {child.name}")
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in reversed(self._children.values()):
            _wait_or_kill(child.process, deadline)
        if self._broker is not None:
            self.progress("stopping Kafka")
            self._broker.stop()
            self._broker = None

    def wait(self) -> None:
        """Return when `stop` was called from elsewhere."""
        self._stopping.wait()

    @property
    def _token_file(self) -> Path:
        return self.state / "operator.token"

    def _settings(self) -> dict[str, str]:
        return {
            "DRIFTLINE_DATA_DIR": str(self.state / "data"),
            "DRIFTLINE_TOKENS_FILE": str(self.state / "tokens"),
            "DRIFTLINE_LEDGER_KEY_FILE": str(self.state / "ledger.key"),
            "DRIFTLINE_HTTP_HOST": "127.0.0.1",
        }

    def _start_broker(self) -> None:
        if self._environment.get("DRIFTLINE_KAFKA_BOOTSTRAP"):
            self.progress(f"using Kafka at {self.bootstrap}")
            return
        self.progress("starting Kafka")
        self._broker = EmbeddedBroker(self.state / "kafka")
        self._broker.start(lambda what, done, total: self.progress(f"{what} {done} of {total}"))
        self._environment["DRIFTLINE_KAFKA_BOOTSTRAP"] = self._broker.bootstrap

    def _prepare(self) -> None:
        """What an operator does once: topics, a token, the ledger's key."""
        self.progress("creating topics")
        self._command("topics", "apply")
        (self.state / "data").mkdir(exist_ok=True)
        if not self._token_file.exists():
            tokens = self._environment["DRIFTLINE_TOKENS_FILE"]
            made = self._command("token", "create", "--actor", "operator", "--role", "admin", "--file", tokens, "--json")
            _write_secret(self._token_file, json.loads(made)["token"])
        key = Path(self._environment["DRIFTLINE_LEDGER_KEY_FILE"])
        if not key.exists():
            self._command("ledger", "keygen", "--file", str(key))

    def _command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "driftline.cli", *words], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"`driftline {' '.join(words[:2])}` failed: {done.stderr.strip()}"
            raise Unavailable(message)
        return done.stdout

    def _port(self, preferred: int) -> int:
        return preferred if self.fixed_ports and _is_free(preferred) else free_port()

    def _launch(self, child: _Child) -> None:
        self.progress(f"starting {child.name}")
        data = Path(self._environment["DRIFTLINE_DATA_DIR"])
        environment = {
            "DRIFTLINE_DATABASE_URL": f"sqlite:///{data / (child.name + '.db')}",
            "DRIFTLINE_INSTANCE_ID": f"{child.name}-1",
            **self._environment,
            "DRIFTLINE_HTTP_PORT": str(child.port),
        }
        with child.log.open("ab") as log:
            child.process = _spawn([sys.executable, "-m", f"services.{child.name}"], environment, log)
        child.started = time.monotonic()

    def _wait_ready(self, child: _Child, timeout_seconds: float = 90.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if child.process is None or child.process.poll() is not None:
                break
            if _answers(f"http://127.0.0.1:{child.port}/readyz"):
                return
            time.sleep(0.1)
        message = f"{child.name} does not become ready; the end of {child.log}:\n{_tail(child.log)}"
        raise ServiceFailed(message)

    def _watch(self) -> None:
        """Start again what ended by itself, ever more slowly while it keeps falling."""
        while not self._stopping.wait(0.2):
            self._measure()
            now = time.monotonic()
            for child in self._children.values():
                if child.process is not None and child.process.poll() is not None:
                    self._note_fall(child, now)
                if child.process is None and now >= child.restart_at:
                    self._launch(child)

    def _note_fall(self, child: _Child, now: float) -> None:
        if child.process is None:
            return
        if now - child.started > _HEALTHY_SECONDS:
            child.backoff = _FIRST_BACKOFF_SECONDS
        self.progress(f"{child.name} ended with {child.process.returncode}; again in {child.backoff:g} s (log: {child.log})")
        child.process = None
        child.restarts += 1
        child.restart_at = now + child.backoff
        child.backoff = min(2 * child.backoff, _LONGEST_BACKOFF_SECONDS)

    def _measure(self) -> None:
        for child in self._children.values():
            if child.process is not None and child.process.poll() is None:
                child.peak_bytes = max(child.peak_bytes, peak_rss_bytes(child.process.pid) or 0)


def _spawn(command: list[str], environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that Ctrl-C reaches the supervisor alone and the drain stays in order."""
    return subprocess.Popen(command, env=dict(environment), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def _wait_or_kill(process: subprocess.Popen[bytes] | None, deadline: float) -> None:
    if process is None:
        return
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _is_free(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=0.5)
    except httpx.ConnectError:
        return True
    except httpx.HTTPError:
        return False
    return False


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
