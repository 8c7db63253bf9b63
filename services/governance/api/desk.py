"""What the routes need of the one who takes changes."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

from driftline.clock import Clock
from driftline.runtime.http import Access
from services.governance.adapters.journal import Proposal
from services.governance.store import Store

Answer = TypeVar("Answer")


class Desk(Protocol):
    """Takes changes one after the other, each decided on the end of the log."""

    def change(self, decide: Callable[[Store], Proposal[Answer]], actor: str | None) -> "Future[Answer]":
        """Ask for a change; the future holds the answer once the broker has acknowledged it."""
        ...


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a request is served: what is known, who takes changes, who may ask, and what time it is."""

    store: Store
    desk: Desk
    clock: Clock
    access: Access


READERS: tuple[str, ...] = ()
"""Whoever has a token may read."""

CHANGERS = ("operator",)
"""Roles that may change models and monitors (admin may too)."""
