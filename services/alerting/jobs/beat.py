"""A thread that works until there is nothing to do, then sleeps until it is woken or something is due."""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from driftline.clock import Clock

_LONGEST_SLEEP_SECONDS = 1.0
"""Rows that another replica wrote are found after this long."""


class Work(Protocol):
    """One job."""

    def run_once(self, wake: Callable[[], None]) -> int | None:
        """Do what is due; returns when the next thing is due (microseconds), None where nothing is known of.

        `wake` may be called from any thread to have this called again.
        """
        ...


class Beat:
    """Runs a Work in a thread of its own. What it raises ends the process: `on_crash` is called with it."""

    def __init__(self, name: str, work: Work, clock: Clock, on_crash: Callable[[BaseException], None]) -> None:
        self._work = work
        self._clock = clock
        self._on_crash = on_crash
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look again now; may be called from any thread."""
        self._woken.set()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Finish what is being done, do no more, and wait for that."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                due = self._work.run_once(self.wake)
                self._woken.wait(self._sleep_seconds(due))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            structlog.get_logger().exception("a job of alerting failed", job=self._thread.name)
            self._on_crash(error)

    def _sleep_seconds(self, due: int | None) -> float:
        if due is None:
            return _LONGEST_SLEEP_SECONDS
        return min(_LONGEST_SLEEP_SECONDS, max(0.0, (due - self._clock.now_us()) / 1_000_000))
