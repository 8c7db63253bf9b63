"""A part that works until there is nothing to do, then sleeps until it is woken or something is due."""

import threading
from collections.abc import Callable
from typing import Protocol

from driftline.clock import Clock
from driftline.runtime.health import Health

_LONGEST_SLEEP_SECONDS = 1.0
"""Rows that another replica wrote are found after this long."""


class Work(Protocol):
    """One job."""

    def run_once(self, wake: Callable[[], None]) -> int | None:
        """Do what is due; returns when the next thing is due (microseconds), None where nothing is known of.

        `wake` may be called from any thread to have this called again.
        """
        ...

    def close(self) -> None:
        """Finish what is under way, within a few seconds."""
        ...


class Beat:
    """Runs a Work in the thread that calls `run`."""

    def __init__(self, name: str, work: Work, clock: Clock, health: Health, *, rest_seconds: float = 0.0) -> None:
        """`rest_seconds` lie between two runs at least: what comes meanwhile is done in one transaction."""
        self.name = name
        self._work = work
        self._clock = clock
        self._health = health
        self._rest_seconds = rest_seconds
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until stopped; what the work raises ends the process."""
        while not self._stopping.is_set():
            self._woken.clear()
            self._health.beat(self.name)
            due = self._work.run_once(self.wake)
            self._stopping.wait(self._rest_seconds)
            self._woken.wait(self._sleep_seconds(due))
        self._work.close()

    def wake(self) -> None:
        """Look again now; may be called from any thread."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is being done and do no more."""
        self._stopping.set()
        self._woken.set()

    def _sleep_seconds(self, due: int | None) -> float:
        if due is None:
            return _LONGEST_SLEEP_SECONDS
        return min(_LONGEST_SLEEP_SECONDS, max(0.0, (due - self._clock.now_us()) / 1_000_000))
