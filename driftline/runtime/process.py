"""A service's process: parts in threads, signals, one failure ends all, a drain that has a deadline."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType, MappingProxyType
from typing import Protocol, TypeVar

import structlog

from driftline.clock import Clock, SystemClock
from driftline.errors import DriftlineError
from driftline.runtime.health import Health
from driftline.runtime.logs import configure_logs
from driftline.runtime.settings import ProcessSettings, described, load

__all__ = ["Part", "run_parts", "run_service"]

_LOG = structlog.get_logger("driftline.process")
_DRAIN_SECONDS = 25.0
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

_Settings = TypeVar("_Settings", bound=ProcessSettings)


class Part(Protocol):
    """Something that runs in a thread of its own: a loop, a job."""

    def run(self) -> None:
        """Run until `stop`; an exception ends the process."""
        ...

    def stop(self) -> None:
        """Ask `run` to return soon; from any thread."""
        ...


def run_service(
    name: str, settings: type[_Settings], run: Callable[[_Settings, Clock], int], options: Mapping[str, str] = _NO_OPTIONS
) -> int:
    """The main of every service: settings, logs, `run`; returns the exit code.

    `options`: variables of the environment that hold what was typed, and the options that it was typed with.

    0 after a clean end, 1 after a failure while it ran, 2 where it could not start or go on: then the last line says
    `driftline SERVICE: what is wrong and what to do`. With `--help` it says what its settings are, and ends.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(
            f"The service {name} of Driftline takes its settings from the environment [default]:\n{described(settings)}"
        )
        return 0
    try:
        found = load(settings)
        configure_logs(name, level=found.log_level, style=found.log_format)
        return run(found, SystemClock())
    except DriftlineError as error:
        said = str(error)
        for variable, option in options.items():
            said = re.sub(rf"\b{variable}\b", option, said)
        sys.stderr.write(f"driftline {name}: {said}\n")
        return 2


def run_parts(parts: Mapping[str, Part], health: Health, *, drain_seconds: float = _DRAIN_SECONDS) -> int:
    """Run all parts until SIGTERM, SIGINT or the first failure, then stop them in order; returns the exit code.

    0 after a signal and a clean drain, 1 after a failure. A part that does not stop in time is left
    behind by ending the process hard: everything durable is in Kafka or a database already.
    Call it from the main thread, last.
    """
    wake = threading.Event()
    failures: list[str] = []

    def work(name: str, part: Part) -> None:
        try:
            part.run()
        except BaseException as error:  # noqa: BLE001  the edge of the process: crash-only
            _LOG.error("part failed", part=name, error=str(error), exc_info=not wake.is_set())
            health.fail(f"{name}: {error}")
            failures.append(name)
        else:
            if not wake.is_set():
                _LOG.info("part ended", part=name)
        finally:
            wake.set()

    def leave(number: int, _frame: FrameType | None) -> None:
        _LOG.info("stopping", signal=signal.Signals(number).name)
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    threads = {name: threading.Thread(target=work, args=(name, part), name=name, daemon=True) for name, part in parts.items()}
    # Objects that live as long as the process are not worth a look by every collection (+13 to +30 %).
    gc.collect()
    gc.freeze()
    for thread in threads.values():
        thread.start()
    while not wake.wait(0.5):
        pass
    health.block("stopping", "the service is stopping")
    return _drain(parts, threads, failures, drain_seconds)


def _drain(parts: Mapping[str, Part], threads: Mapping[str, threading.Thread], failures: list[str], seconds: float) -> int:
    deadline = time.monotonic() + seconds
    for name, part in parts.items():
        part.stop()
        threads[name].join(max(0.1, deadline - time.monotonic()))
    stuck = [name for name, thread in threads.items() if thread.is_alive()]
    if stuck:
        _LOG.error("parts did not stop in time", parts=stuck)
        os._exit(1)
    return 1 if failures else 0
