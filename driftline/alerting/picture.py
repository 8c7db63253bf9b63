"""A small picture of a trend as PNG: a bar for each window, red beyond the limit, the limit as a dashed line.

PNG (ISO/IEC 15948) with a palette of few colours, so that no library of images is needed and a picture takes about 1 kB.
"""

import struct
import zlib
from collections.abc import Iterable

from driftline.alerting.trend import Trend

WIDTH, HEIGHT = 1024, 256
"""Pixels, as many as Teams shows; in mails at half of that, so that it is sharp on dense screens."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_WHITE, _GRID, _BAR, _BEYOND, _NEWEST_BAR, _NEWEST_BEYOND, _LIMIT = range(7)
_PALETTE = bytes.fromhex("ffffff e8ecf0 9db4c8 ef9a9a 4a7396 d32f2f 5f6b76")
_TOP, _SIDE = 24, 8
_LINES = 4
_LEAST_SLOTS = 12
_DASH, _GAP = 18, 12


def draw(trend: Trend) -> bytes:
    """The picture. What is below zero is drawn as zero."""
    top = max(*trend.values, trend.limit or 0.0) * 1.05 or 1.0
    canvas = _Canvas()
    for number in range(_LINES + 1):
        canvas.fill(0, canvas.level(number / _LINES), WIDTH, 2, _GRID)
    slots = max(len(trend.values), _LEAST_SLOTS)
    slot = (WIDTH - 2 * _SIDE) / slots
    for number, value in enumerate(trend.values):
        place = slots - len(trend.values) + number  # the newest is at the right
        left, right = (int(_SIDE + slot * (place + part)) for part in (0.12, 0.88))
        upper = canvas.level(max(value, 0.0) / top)
        canvas.fill(left, upper, right - left, HEIGHT - upper, _color(trend, value, newest=number == len(trend.values) - 1))
    if trend.limit is not None and trend.limit >= 0:
        for left in range(0, WIDTH, _DASH + _GAP):
            canvas.fill(left, canvas.level(trend.limit / top) - 2, _DASH, 4, _LIMIT)
    return canvas.png()


def _color(trend: Trend, value: float, *, newest: bool) -> int:
    if trend.beyond(value):
        return _NEWEST_BEYOND if newest else _BEYOND
    return _NEWEST_BAR if newest else _BAR


class _Canvas:
    """Rows of palette indices."""

    def __init__(self) -> None:
        self._rows = [bytearray(WIDTH) for _ in range(HEIGHT)]

    def level(self, share: float) -> int:
        """The row of a share of the height, 0 at the bottom; at least two rows above it, so that the smallest bar is seen."""
        return min(HEIGHT - 2, round(HEIGHT - share * (HEIGHT - _TOP)))

    def fill(self, left: int, upper: int, width: int, height: int, color: int) -> None:
        """Paint a rectangle, as much of it as is inside."""
        right = min(WIDTH, left + width)
        stroke = bytes([color]) * (right - left)
        for row in self._rows[max(0, upper) : upper + height]:
            row[left:right] = stroke

    def png(self) -> bytes:
        """The file."""
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)  # 8 bits by a palette, not interlaced
        pixels = zlib.compress(b"".join(b"\0" + row for row in self._rows), 9)
        chunks = ((b"IHDR", header), (b"PLTE", _PALETTE), (b"IDAT", pixels), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunks(chunks))


def _chunks(given: Iterable[tuple[bytes, bytes]]) -> Iterable[bytes]:
    for kind, data in given:
        yield struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
