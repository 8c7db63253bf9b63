"""Service processes in the hands of a test: started, stopped inside a transaction, killed with SIGKILL, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 180.0
FREEZE_SECONDS = 120.0
END_SECONDS = 60.0


@dataclass
class Worker:
    """What is known of one process."""

    service: str
    name: str
    pid: int = 0
    alive: bool = False
    committed: int = 0
    """Transactions since it began: of stage profile, or of the ledger."""
    frozen: bool = False
    """It stands still inside a transaction: everything is written and nothing committed."""
    rows: int = 0
    """Rows in the profile sets of the transaction in which it stands still."""


class Nursery:
    """Processes that are started again whenever they have ended: what a supervisor does."""

    def __init__(self, folder: Path, environment: dict[str, str], arguments: Sequence[str], workers: Sequence[Worker]) -> None:
        command = [sys.executable, "-m", "tests.chaos.worker", *arguments]
        self._folder = folder
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._heard = threading.Condition()
        self._ready = False
        self.workers = list(workers)
        for worker in workers:
            self._flag(worker).parent.mkdir()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.wait_until(lambda: self._ready, START_SECONDS), "the nursery does not start"

    def of(self, service: str) -> list[Worker]:
        """The processes of a service."""
        return [worker for worker in self.workers if worker.service == service]

    def start(self, worker: Worker) -> None:
        worker.pid, worker.alive, worker.committed, worker.frozen, worker.rows = 0, True, 0, False, 0
        assert self._process.stdin is not None
        self._process.stdin.write(f"{worker.service} {worker.name} {self._folder}\n")
        self._process.stdin.flush()
        assert self.wait_until(lambda: worker.pid > 0, START_SECONDS), "no process was forked"

    def revive(self, of: str = "") -> None:
        """Start what has ended, of one service or of all."""
        for worker in self.of(of) if of else self.workers:
            if not worker.alive:
                self.start(worker)

    def freeze(self, worker: Worker, inside: str) -> None:
        """Let it stop itself before it commits such a thing; one that ends by itself before is started again."""
        flag = self._flag(worker)
        flag.write_text(inside)
        give_up = time.monotonic() + FREEZE_SECONDS
        while not (worker.alive and worker.frozen):
            assert time.monotonic() < give_up, f"{worker.name} commits no {inside}\n{self.last_words()}"
            self.revive()
            self.wait_until(lambda: worker.frozen or not worker.alive, 1.0)
        flag.unlink()

    def kill(self, worker: Worker) -> bool:
        """SIGKILL; returns whether it stood still inside a transaction."""
        with self._heard:
            inside = worker.frozen and worker.alive
            if worker.alive:
                os.kill(worker.pid, signal.SIGKILL)
        assert self.wait_until(lambda: not worker.alive, END_SECONDS), "SIGKILL did not end it"
        return inside

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> bool:
        with self._heard:
            return self._heard.wait_for(holds, seconds)

    def stop(self) -> None:
        for worker in self.workers:
            self.kill(worker)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(END_SECONDS)

    def last_words(self) -> str:
        logs = (self._folder / f"{worker.name}.log" for worker in self.workers)
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs if log.exists())

    def _flag(self, worker: Worker) -> Path:
        return self._folder / worker.name / "freeze"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._heard:
                if line == "ready\n":
                    self._ready = True
                else:
                    word, name, pid, rows = line.split()
                    self._hear(word, name, int(pid), int(rows))
                self._heard.notify_all()

    def _hear(self, word: str, name: str, pid: int, rows: int) -> None:
        for worker in self.workers:
            if worker.name == name and not worker.pid:
                worker.pid = pid  # it may speak before its birth is announced
            if worker.pid != pid:
                continue
            if word == "gone":
                worker.alive = False
            elif word == "frozen":
                worker.frozen, worker.rows = True, rows
            elif word == "done":
                worker.committed += 1
