"""URLs of Apprise as Apprise itself reads them, before anything is sent."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from driftline.alerting.config_receivers import apprise_form

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

__all__ = ["apprise_said", "apprise_service", "apprise_url"]


def apprise_url(text: str) -> str:
    """Return a URL that can be sent to; without Apprise only its form is looked at. Raises ValueError that does not quote it."""
    apprise_form(text)
    try:
        apprise_service(text)
    except ImportError:
        return text
    return text


def apprise_service(url: str, asset: AppriseAsset | None = None) -> NotifyBase:
    """Return what sends to a URL. Raises ValueError for one that Apprise does not know or that is not reached over HTTP; ImportError."""
    from apprise import Apprise, NotifyBase

    with apprise_said(), warnings.catch_warnings(action="ignore"):  # of the modules of its plugins, all of which it loads
        service = Apprise.instantiate(url, asset=asset)
    if not isinstance(service, NotifyBase):
        raise ValueError("is no URL that Apprise understands; its form is on https://appriseit.com/services/")  # noqa: TRY004 - of the text
    if "requests" not in vars(sys.modules[type(service).__module__]):
        raise ValueError(f"leads to {service.service_name}, not reached over HTTP, so its connections cannot be watched")
    return service


@contextmanager
def apprise_said() -> Iterator[list[str]]:
    """Collect the warnings of Apprise; nothing of it goes to the log, for it may quote a URL."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addHandler(_LISTENER)  # once
    lines: list[str] = []
    token = _SAID.set(lines)
    try:
        yield lines
    finally:
        _SAID.reset(token)


class _Listener(logging.Handler):
    """Hands each warning to whoever asked for it where it was said."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        lines = _SAID.get()
        if lines is not None:
            lines.append(record.getMessage())


_SAID: ContextVar[list[str] | None] = ContextVar("said", default=None)
_LISTENER = _Listener(logging.WARNING)
