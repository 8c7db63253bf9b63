"""Idempotency-Keys in Redis, shared by all replicas."""

from __future__ import annotations

from typing import Any

import redis

from driftline.errors import Unavailable
from services.ingest.adapters.idempotency import CLAIM_SECONDS, Claim, ClaimState

_PREFIX = "driftline:ingest:key:"
_DIGEST_BYTES = 32
_ATTEMPTS = 3


class RedisKeys:
    """As `Keys`. A value is the digest of the body, then the answer (nothing while the request is under way)."""

    def __init__(self, client: redis.Redis, *, keep_seconds: int) -> None:
        """Answers are kept for `keep_seconds`."""
        self._client = client
        self._keep_seconds = keep_seconds

    @classmethod
    def at(cls, url: str, *, keep_seconds: int) -> RedisKeys:
        """Keys in the Redis at `redis://host:port/db`."""
        return cls(redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2), keep_seconds=keep_seconds)

    def claim(self, name: str, digest: bytes, now_us: int) -> Claim:  # noqa: ARG002 - Redis has a clock of its own
        """Take a key for a request, unless it is taken."""
        for _ in range(_ATTEMPTS):
            if self._call("set", _PREFIX + name, digest, nx=True, ex=CLAIM_SECONDS):
                return Claim(ClaimState.NEW)
            known = self._call("get", _PREFIX + name)
            if isinstance(known, bytes):  # else it expired between the two
                return Claim.of(digest, known[:_DIGEST_BYTES], known[_DIGEST_BYTES:])
        raise Unavailable("the Idempotency-Key changes faster than it can be read; try again")

    def keep(self, name: str, digest: bytes, answer: bytes, now_us: int) -> None:  # noqa: ARG002
        """Remember the answer of a claimed key."""
        self._call("set", _PREFIX + name, digest + answer, ex=self._keep_seconds)

    def release(self, name: str) -> None:
        """Give a claimed key back."""
        self._call("delete", _PREFIX + name)

    def forget(self, now_us: int) -> int:  # noqa: ARG002
        """Do nothing: Redis forgets by itself."""
        return 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, command: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(self._client, command)(*arguments, **options)
        except redis.RedisError as error:
            message = f"Redis, which remembers Idempotency-Keys, does not answer ({type(error).__name__}); try again later"
            raise Unavailable(message) from error
