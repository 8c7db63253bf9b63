"""What happens to SIGINT and SIGTERM while processes are started and stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["signals_to", "uninterrupted"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_to(react: Callable[[], None]) -> Iterator[list[int]]:
    """Call `react` for each signal during the block instead of what they do otherwise; gives their numbers.

    Does nothing outside the main thread, where Python delivers no signals anyway. Handlers are
    replaced, not blocked: a child would inherit a blocked signal and never stop.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        react()

    before = {number: signal.signal(number, handle) for number in _NUMBERS}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep SIGINT and SIGTERM back during the block, and deliver the first after it.

    Without it a Ctrl-C between a fork and the note of its process id leaves a process that nobody knows.
    """
    with signals_to(lambda: None) as seen:
        yield
    if seen:
        signal.raise_signal(seen[0])
