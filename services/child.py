"""One service process under the supervisor: its log, its memory, its falls."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from driftline.broker.interruption import uninterrupted
from driftline.broker.resident_memory import peak_rss_bytes

_ROOT = Path(__file__).resolve().parents[1]
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 30.0
_HEALTHY_SECONDS = 60.0


class Child:
    """Starts a service's command, again and again where it falls, ever more slowly."""

    def __init__(self, name: str, command: Sequence[str], *, port: int, log: Path) -> None:
        self.name = name
        self._command = list(command)
        self.port = port
        self.log = log
        self.restarts = 0
        self.peak_bytes = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._restart_at = 0.0
        self._backoff = _FIRST_BACKOFF_SECONDS

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start the process; what it prints goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(part for part in (str(_ROOT), environment.get("PYTHONPATH", "")) if part)
        with self.log.open("ab") as log, uninterrupted():
            self._process = subprocess.Popen(
                self._command,
                env={**environment, "PYTHONPATH": path, "DRIFTLINE_HTTP_PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the whole process group of a terminal: the drain must stay in order.
                start_new_session=True,
            )
        self._started = time.monotonic()

    def is_ready(self) -> bool:
        """Whether it says so itself; another process that took its port in the meantime says so of its own id."""
        if (pid := self.pid) is None:
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            found = json.load(answer)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        return answer.status == http.client.OK and isinstance(found, dict) and found.get("pid") == pid

    def has_fallen(self) -> str | None:
        """Note that it ended by itself, once, and when to start it again; says how in words, else None."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        now = time.monotonic()
        if now - self._started > _HEALTHY_SECONDS:
            self._backoff = _FIRST_BACKOFF_SECONDS
        wait, self._backoff = self._backoff, min(2 * self._backoff, _LONGEST_BACKOFF_SECONDS)
        self._process = None
        self._restart_at = now + wait
        self.restarts += 1
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"{self.name} {how}; again in {wait:g} s (log: {self.log})"

    def is_due(self) -> bool:
        """Whether it fell and its wait is over."""
        return self._process is None and time.monotonic() >= self._restart_at

    def measure(self) -> None:
        """Note the largest memory so far; it is gone with the process."""
        if self.pid is not None:
            self.peak_bytes = max(self.peak_bytes, peak_rss_bytes(self.pid) or 0)

    def ask_to_stop(self) -> None:
        """Let it drain."""
        if self.pid is not None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the running process."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait_stopped(self, deadline: float) -> bool:
        """Wait until it is gone, at the latest at `deadline` (monotonic seconds); False if it had to be killed."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def log_end(self, lines: int = 15) -> str:
        """Last lines of its log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"
