"""The door for people: a token once, then a cookie; or a link that works once.

Sessions live in memory: after a restart everybody logs in again, and no cookie outlives the process that knows it.
"""

import hashlib
import secrets
import threading
from dataclasses import dataclass

from driftline.clock import Clock
from driftline.runtime.tokens import Actor

COOKIE = "driftline_session"
SESSION_US = 12 * 3_600_000_000
LINK_US = 600_000_000
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    actor: Actor
    expires_at: int


class Sessions:
    """Who is logged in, and which links are good for logging in once. Only hashes are kept. Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Entry] = {}
        self._links: dict[str, _Entry] = {}

    def begin(self, actor: Actor) -> str:
        """Open a session; returns what the cookie holds."""
        return self._put(self._sessions, actor, SESSION_US)

    def link(self, actor: Actor) -> str:
        """Make a code that opens a session once, within ten minutes."""
        return self._put(self._links, actor, LINK_US)

    def redeem(self, code: str) -> Actor | None:
        """Whose code it is, None for one that is unknown, used or too old; afterwards it is used."""
        with self._lock:
            entry = self._links.pop(_hash(code), None)
        return entry.actor if entry and entry.expires_at > self._clock.now_us() else None

    def actor(self, cookie: str | None) -> Actor | None:
        """Whose session it is, None if it is nobody's (any more)."""
        if cookie is None:
            return None
        with self._lock:
            entry = self._sessions.get(_hash(cookie))
        return entry.actor if entry and entry.expires_at > self._clock.now_us() else None

    def end(self, cookie: str | None) -> None:
        """Close a session."""
        if cookie is not None:
            with self._lock:
                self._sessions.pop(_hash(cookie), None)

    def _put(self, entries: dict[str, _Entry], actor: Actor, lasts_us: int) -> str:
        secret, now = secrets.token_urlsafe(32), self._clock.now_us()
        with self._lock:
            for key in [key for key, entry in entries.items() if entry.expires_at <= now]:
                del entries[key]
            while len(entries) >= _MOST:
                del entries[next(iter(entries))]
            entries[_hash(secret)] = _Entry(actor, now + lasts_us)
        return secret


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
