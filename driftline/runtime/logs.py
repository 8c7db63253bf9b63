"""Structured logs to stderr: JSON for machines, key=value for people; secrets are blacked out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

__all__ = ["configure_logs", "redact"]

_SECRET_NAMES = re.compile(r"token|secret|password|passwd|authorization|cookie|api[_-]?key|private[_-]?key|jaas", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]+|((?:password|secret|token)=)[^\s,;&]+|\b(dl_[0-9a-f]{12}_)[\w-]+"
)
_REDACTED = "[redacted]"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values under secret names, and secrets inside texts, by [redacted]."""
    for name, value in event.items():
        if name != "event" and _SECRET_NAMES.search(name):
            event[name] = _REDACTED
        elif isinstance(value, str):
            event[name] = _SECRET_TEXT.sub(_keep_prefix, value)
    return event


def _keep_prefix(match: re.Match[str]) -> str:
    return (match.group(1) or match.group(2) or match.group(3)) + _REDACTED


def configure_logs(service: str, *, level: str = "info", style: str = "text", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging alike; call once, in `app.py`.

    `service` stands in every line. `style` is "text" or "json".
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _service_adder(service),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "service", "logger", "event"], drop_missing=True, bool_as_flag=False
        )
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What these say below a warning, the services say better themselves (url, stopping), or nobody needs (each request).
    for noisy in ("uvicorn.access", "uvicorn.error", "httpx", "httpcore", "urllib3", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _service_adder(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add
