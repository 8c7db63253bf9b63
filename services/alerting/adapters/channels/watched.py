"""Connections that a library opens by itself, held to the addresses that are permitted.

Python tells an audit hook of every connection before it is made, with the very address that it goes to: so neither a name that is
resolved anew nor a redirect leads elsewhere. The watch goes with the context, so into threads that get a copy of it; another program is
refused.
"""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from driftline.alerting.addresses import AllowList
from services.alerting.adapters.channels.guarded import NotPermitted

_TO_AN_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})

_WATCH: ContextVar["Watch | None"] = ContextVar("watch", default=None)


class Watch:
    """What happened while it was on."""

    def __init__(self, allowed: AllowList) -> None:
        self._allowed = allowed
        self.refused: str | None = None
        """Why something was not permitted, whatever the library made of that."""

    def judge(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise NotPermitted for what must not be."""
        if event in _PROGRAMS:
            self._refuse(f"it would start a program ({event})")
        address = args[1]
        host = str(address[0]) if isinstance(address, tuple) else "a socket of this machine"
        try:
            permitted = self._allowed.permits(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            permitted = False
        if not permitted:
            self._refuse(
                f"it leads to {host}, which is not public; if that is meant, add it to DRIFTLINE_ALERTING_ALLOW_ADDRESSES"
            )

    def _refuse(self, why: str) -> None:
        self.refused = why
        raise NotPermitted(why)


@contextmanager
def watched(allowed: AllowList) -> Iterator[Watch]:
    """Hold everything that is done here meanwhile to the addresses."""
    _install()
    watch = Watch(allowed)
    token = _WATCH.set(watch)
    try:
        yield watch
    finally:
        _WATCH.reset(token)


@cache
def _install() -> None:
    """A hook stays for the life of the process; it acts only where a watch is on."""
    sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in _TO_AN_ADDRESS or event in _PROGRAMS:
        watch = _WATCH.get()
        if watch is not None:
            watch.judge(event, args)
