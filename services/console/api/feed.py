"""The live feed: what changed, told to every open page as server-sent events.

Events carry an id, so that a page which was away is told what it missed, or to reload everything where that is too long ago.
"""

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable

from services.console import metrics

COALESCE_SECONDS = 0.4
"""Changes within this time are told together: a page redraws at most about twice a second."""
KEEP_ALIVE_SECONDS = 15.0
_REMEMBERED = 1000


class Feed:
    """Changes come from the consumer's thread; pages listen on the event loop."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._sequence = 0
        self._changes: deque[tuple[int, frozenset[str]]] = deque(maxlen=_REMEMBERED)
        self._wakers: set[Callable[[], None]] = set()
        self._closed = False

    def changed(self, models: set[str]) -> None:
        """Tell every page that these models changed ("" = the page as a whole). From any thread."""
        with self._lock:
            self._sequence += 1
            self._changes.append((self._sequence, frozenset(models)))
        self._wake()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._wake()

    async def events(self, last_event_id: str | None) -> AsyncGenerator[str]:
        """The stream of one page, beginning after `last_event_id`."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def waker() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(woken.set)

        with self._lock:
            self._wakers.add(waker)
        metrics.LIVE_PAGES.inc()
        try:
            seen, first = self._resumed(last_event_id)
            yield f"retry: 2000\n{first}"
            while not self._closed:
                seen, text = self._since(seen)
                if text:
                    yield text
                woken.clear()
                try:
                    await asyncio.wait_for(woken.wait(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                else:
                    await asyncio.sleep(0 if self._closed else COALESCE_SECONDS)
        finally:
            metrics.LIVE_PAGES.dec()
            with self._lock:
                self._wakers.discard(waker)

    def _resumed(self, last_event_id: str | None) -> tuple[int, str]:
        """Where to begin, and the first event: `reset` for a page that cannot be brought up to date by what is remembered."""
        epoch, _, number = (last_event_id or "").partition("-")
        with self._lock:
            oldest = self._changes[0][0] if self._changes else self._sequence + 1
            known = epoch == self._epoch and number.isdigit() and oldest - 1 <= int(number) <= self._sequence
            seen = int(number) if known else self._sequence
        name = "hello" if known or last_event_id is None else "reset"
        return seen, _event(name, f"{self._epoch}-{seen}", {})

    def _since(self, seen: int) -> tuple[int, str]:
        with self._lock:
            fresh = [models for number, models in self._changes if number > seen]
            lost = self._sequence - seen > len(fresh)
            seen = self._sequence
        if not fresh:
            return seen, ""
        models = sorted(frozenset().union(*fresh))
        return seen, _event("reset" if lost else "changed", f"{self._epoch}-{seen}", {"models": models})

    def _wake(self) -> None:
        with self._lock:
            wakers = list(self._wakers)
        for waker in wakers:
            waker()


def _event(name: str, identity: str, data: object) -> str:
    return f"id: {identity}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
