"""Driftline on one machine: an embedded Kafka, the six services as processes of their own, SQLite, one place for all state.

The supervisor does what an operator would do with the command line (create the topics, a token, the ledger's key), once, then starts
the services and starts again what falls, the broker too: crash-only services rely on it.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from driftline.broker.embedded import EmbeddedBroker, free_port
from driftline.broker.errors import BrokerError
from driftline.broker.interruption import signals_to
from driftline.errors import DriftlineError, Unavailable
from services.child import Child

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
WITNESS: Mapping[str, int] = {"audit.witness": 8086}
"""A witness of the ledger, to try it out: one that is to be believed runs in other hands."""
KAFKA_PORT = 9092

_OWN_TO_EACH = {"DRIFTLINE_DATABASE_URL", "DRIFTLINE_INSTANCE_ID", "DRIFTLINE_HTTP_PORT"}
"""Settings that services must not share, whatever this process's environment says."""
_FOR_CLIENTS = ("DRIFTLINE_DATA_DIR", "DRIFTLINE_TOKENS_FILE", "DRIFTLINE_LEDGER_KEY_FILE", "DRIFTLINE_LEDGER_POLICY_FILE")
_STOP_SECONDS = 30.0
_READY_SECONDS = 120.0
_FALLS_WHILE_STARTING = 3
_MEGABYTE = 1_000_000

Progress = Callable[[str], None]


class ServiceFailed(DriftlineError):
    """A service does not come up; the message holds the end of its log."""


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
    services: Mapping[str, int] = field(default_factory=lambda: SERVICES)
    """What to start, in this order, and the port that each prefers."""
    command: Callable[[str], Sequence[str]] = field(default=lambda name: [sys.executable, "-m", f"services.{name}"])
    """How a service is started, by its name."""

    def __post_init__(self) -> None:
        self.state = self.state.absolute()
        self._broker: EmbeddedBroker | None = None
        self._children: dict[str, Child] = {}
        self._environment: dict[str, str] = {}
        self._stopping = threading.Event()
        self._hurry = threading.Event()
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
        return {name: child.url for name, child in self._children.items()}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, the broker's as `kafka`."""
        found = {name: child.pid for name, child in self._children.items()}
        if self._broker is not None:
            found["kafka"] = self._broker.pid
        return {name: pid for name, pid in found.items() if pid is not None}

    @property
    def client_settings(self) -> dict[str, str]:
        """What the command line and producers on this machine need in their environment."""
        return {
            "DRIFTLINE_KAFKA_BOOTSTRAP": self.bootstrap,
            "DRIFTLINE_TOKEN": self.token,
            **self._url_settings(),
            **{name: self._environment[name] for name in _FOR_CLIENTS if name in self._environment},
        }

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
        inherited = {name: value for name, value in os.environ.items() if name not in _OWN_TO_EACH}
        self._environment = {**inherited, "PYTHONUNBUFFERED": "1", **self._settings(), **self.environment}
        self._start_broker()
        self._prepare()
        for name, port in self.services.items():
            log = self.state / "logs" / f"{name}.log"
            self._children[name] = Child(name, self.command(name), port=self._port(port), log=log)
        self._environment |= self._url_settings()
        for name in WITNESS.keys() & self._children.keys():
            self._introduce(name, self._children[name].url)
        for child in self._children.values():
            self._launch(child)
        for child in self._children.values():
            self._wait_ready(child)
        self._watcher.start()

    def stop(self) -> None:
        """Drain the services in reverse order, then the broker; kill what does not go in time.

        A signal meanwhile (the second Ctrl-C) makes it kill at once: nothing is lost by that but time at the next start.
        """
        self._stopping.set()
        with signals_to(self._hurry.set):
            self._stop()

    def wait(self) -> None:
        """Return when `stop` was called from elsewhere."""
        self._stopping.wait()

    def _stop(self) -> None:
        if self._watcher.is_alive():
            self._watcher.join()
        self._measure()
        children = list(reversed(self._children.values()))
        for child in children:
            if child.pid is not None:
                self.progress(f"stopping {child.name}")
                child.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in children:
            while child.pid is not None and not self._hurry.is_set() and time.monotonic() < deadline:
                time.sleep(0.02)
            if not child.wait_stopped(time.monotonic()):
                self.progress(f"{child.name} did not drain in time and was killed")
        if self._broker is not None and self._broker.pid is not None:
            self.progress("stopping Kafka")
            self._broker.kill() if self._hurry.is_set() else self._broker.stop()

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
        port = KAFKA_PORT if self.fixed_ports and _is_free(KAFKA_PORT) else 0
        self._broker = EmbeddedBroker(self.state / "kafka", port)
        self._broker.start(self._download_progress)
        self._environment["DRIFTLINE_KAFKA_BOOTSTRAP"] = self._broker.bootstrap

    def _download_progress(self, what: str, done: int, total: int) -> None:
        if what.startswith("fetching"):  # the start itself takes seconds: no need to count them
            self.progress(f"{what} {done} of {total}")

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

    def _introduce(self, name: str, url: str) -> None:
        """Give a witness its key and the ledger's, and the ledger a policy that wants this witness."""
        folder = self.state / name
        folder.mkdir(exist_ok=True, mode=0o700)
        key, logs, policy = folder / "witness.key", folder / "logs", self.state / "ledger.policy"
        if not key.exists():
            self._command("ledger", "witness-keygen", "--file", str(key))
        logs.write_bytes(Path(self._environment["DRIFTLINE_LEDGER_KEY_FILE"] + ".vkey").read_bytes())
        verifier = Path(f"{key}.vkey").read_text(encoding="utf-8").strip()
        policy.write_text(f"witness here {verifier} {url}/\nquorum here\n", encoding="utf-8")
        self._environment |= {
            "DRIFTLINE_WITNESS_KEY_FILE": str(key),
            "DRIFTLINE_WITNESS_LOGS_FILE": str(logs),
            "DRIFTLINE_LEDGER_POLICY_FILE": str(policy),
            "DRIFTLINE_LEDGER_WITNESS_ALLOW_ADDRESSES": '["127.0.0.0/8"]',
        }

    def _url_settings(self) -> dict[str, str]:
        return {f"DRIFTLINE_{name.upper().replace('.', '_')}_URL": url for name, url in self.urls.items()}

    def _command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "driftline.cli", *words], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"`driftline {' '.join(words[:2])}` failed: {(done.stderr or done.stdout).strip()}"
            raise Unavailable(message)
        return done.stdout

    def _port(self, preferred: int) -> int:
        taken = {child.port for child in self._children.values()}
        return preferred if self.fixed_ports and preferred not in taken and _is_free(preferred) else free_port()

    def _launch(self, child: Child) -> None:
        self.progress(f"starting {child.name}")
        data = Path(self._environment["DRIFTLINE_DATA_DIR"])
        own = {
            "DRIFTLINE_DATABASE_URL": f"sqlite:///{data / (child.name + '.db')}",
            "DRIFTLINE_INSTANCE_ID": f"{child.name}-1",
        }
        apart = {"DRIFTLINE_DATA_DIR": str(self.state / child.name)} if child.name in WITNESS else {}
        child.launch({**own, **self._environment, **apart})

    def _wait_ready(self, child: Child) -> None:
        """Wait for a service, starting it again where it falls while its surroundings are still coming up."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and child.restarts <= _FALLS_WHILE_STARTING:
            if child.is_ready():
                self.progress(f"{child.name} is ready")
                return
            self._revive(child)
            time.sleep(0.1)
        message = f"{child.name} does not become ready; the end of {child.log}:\n{child.log_end()}"
        raise ServiceFailed(message)

    def _revive(self, child: Child) -> None:
        if (fall := child.has_fallen()) is not None:
            self.progress(fall)
        if child.is_due():
            self._launch(child)

    def _watch(self) -> None:
        """Start again what ended by itself."""
        while not self._stopping.wait(0.2):
            self._measure()
            self._revive_broker()
            for child in self._children.values():
                self._revive(child)

    def _revive_broker(self) -> None:
        if self._broker is None or self._broker.pid is not None:
            return
        self.progress(f"Kafka ended by itself; starting it again (log: {self._broker.log_path})")
        try:
            self._broker.restart()
        except BrokerError as error:
            self.progress(str(error))

    def _measure(self) -> None:
        for child in self._children.values():
            child.measure()
        if self._broker is not None:
            self._broker.peak_rss()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
