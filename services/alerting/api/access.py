"""A door without a lock, for a service that stands where Alertmanager stood."""

from collections.abc import Callable

from driftline.runtime.http import Access
from driftline.runtime.tokens import Actor

_ANYBODY = Actor("anonymous", frozenset({"admin"}), "")


class OpenAccess(Access):
    """Whoever reaches the address may do everything."""

    def __init__(self) -> None:
        """There is no book of tokens."""

    def require(self, *_roles: str) -> Callable[..., Actor]:
        """Return a dependency that lets everybody in."""

        def dependency() -> Actor:
            return _ANYBODY

        return dependency
