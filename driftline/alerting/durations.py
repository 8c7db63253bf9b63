"""Durations as Prometheus and as Go write them."""

import re

_UNITS_US = {
    "y": 31_536_000_000_000,
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_PATTERN = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in _UNITS_US))
_GO_UNITS_US = {"h": 3_600_000_000.0, "m": 60_000_000.0, "s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "µs": 1.0, "ns": 0.001}
_GO_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|s|us|µs|ns)")
_MAX_US = (2**63 - 1) // 1000


def parse_duration(text: str) -> int:
    """Microseconds of `1w2d3h4m5s6ms`: units in descending order, or a bare `0`. Raises ValueError, also for the empty text."""
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text)
    if match is None or not text:
        message = f"{text!r} is no duration; write it as 30s, 5m, 4h or 1h30m"
        raise ValueError(message)
    found = sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_US.values(), strict=True) if count)
    if found > _MAX_US:
        message = f"{text!r} is longer than 292 years"
        raise ValueError(message)
    return found


def parse_go_duration(text: str) -> int:
    """Microseconds of a duration of Go, such as `1.5s` or `1m30s`, not negative. Raises ValueError."""
    if text == "0":
        return 0
    parts = list(_GO_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        message = f"{text!r} is no duration; write it as 10s, 1.5s or 1m30s"
        raise ValueError(message)
    return round(sum(float(part[1]) * _GO_UNITS_US[part[2]] for part in parts))


def duration_text(duration: int) -> str:
    """Microseconds as `parse_duration` reads them; what is below a millisecond is dropped."""
    rest, parts = duration, []
    for unit, size in _UNITS_US.items():
        count, rest = divmod(rest, size) if unit != "y" else (0, rest)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0s"
