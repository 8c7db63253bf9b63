"""Texts of others inside our messages: made harmless, and as long as a channel allows."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed; marks that turn the direction of the text around them."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_LINK_LENGTH = 2_000
_MORE = "…"


def clean(text: str) -> str:
    """Without control characters and direction marks; half a surrogate pair becomes U+FFFD, so that it can be encoded."""
    return _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub(" ", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """Length in UTF-16 code units: what the strictest receivers count, and never less than the characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def clip(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """The escaped text in at most `limit` units; what is cut ends with … and never inside of an escape."""
    text = text[: limit + 1]
    if units(escape(text)) <= limit:
        return escape(text)
    low, high = 0, len(text)
    while low < high:  # the longest start that fits with the sign of more behind it
        middle = (low + high + 1) // 2
        if units(escape(text[:middle]) + _MORE) <= limit:
            low = middle
        else:
            high = middle - 1
    return escape(text[:low].rstrip()) + _MORE


def link(url: object) -> str | None:
    """An http or https URL that can be clicked; None for anything else."""
    if not isinstance(url, str) or len(url) > _LINK_LENGTH or not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    harmless = not any(character in url for character in " <>\"'`|\\")
    return url if parts.scheme in ("http", "https") and parts.hostname and harmless else None


def moment(text: str) -> str:
    """A time as people read it, `2026-03-01 05:15:00 UTC`; what is no time in UTC stays as it is."""
    found = _TIME.fullmatch(text)
    return text if found is None else f"{found[1]} {found[2]} UTC"


def color(text: object, otherwise: str) -> str:
    """A colour #rrggbb, else the other one."""
    return text if isinstance(text, str) and _COLOR.fullmatch(text) else otherwise


def encoded(payload: Mapping[str, Any]) -> bytes:
    """The payload as it is sent: JSON in UTF-8."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
