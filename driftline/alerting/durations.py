"""Durations as Prometheus writes them: `1w2d3h4m5s6ms`, units in descending order, or a bare `0`."""

import re

_UNITS_US = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_PATTERN = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")


def parse_duration(text: str) -> int:
    """Microseconds of a duration. Raises ValueError for anything else, the empty text included."""
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text)
    if match is None or not text:
        message = f"{text!r} is no duration; write it as 30s, 5m, 4h or 1h30m"
        raise ValueError(message)
    return sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_US.values(), strict=True) if count)
