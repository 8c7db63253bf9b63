import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerting.picture import HEIGHT, WIDTH, draw
from driftline.alerting.trend import Trend

BAR, BEYOND, NEWEST_BAR, NEWEST_BEYOND, LIMIT = "#9db4c8", "#ef9a9a", "#4a7396", "#d32f2f", "#5f6b76"


def trend(*values: float, limit: float | None = 0.25, more_is_bad: bool = True) -> Trend:
    ends = tuple(f"2013-01-{day:02}T00:00:00Z" for day in range(1, len(values) + 1))
    return Trend(measure="psi", column="temp", limit=limit, more_is_bad=more_is_bad, ends=ends, values=values)


def chunks(png: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG, their checksums checked (ISO/IEC 15948, 5.3)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        found[kind] = data
        at += 12 + length
    return found


def colors(png: bytes, row: int) -> list[str]:
    """The colours of a row of pixels."""
    found = chunks(png)
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    pixels = zlib.decompress(found[b"IDAT"])
    assert len(pixels) == HEIGHT * (WIDTH + 1)
    line = pixels[row * (WIDTH + 1) : (row + 1) * (WIDTH + 1)]
    assert line[0] == 0
    palette = [f"#{found[b'PLTE'][at : at + 3].hex()}" for at in range(0, len(found[b"PLTE"]), 3)]
    return [palette[index] for index in line[1:]]


def bars(png: bytes) -> list[str]:
    """The colours of the bars from left to right, at the bottom."""
    row = [color for color in colors(png, HEIGHT - 3) if color in {BAR, BEYOND, NEWEST_BAR, NEWEST_BEYOND}]
    return [color for number, color in enumerate(row) if not number or row[number - 1] != color]


def test_what_is_beyond_the_limit_is_red_and_the_newest_is_the_strongest() -> None:
    assert bars(draw(trend(0.1, 0.2, 0.3, 0.9))) == [BAR, BEYOND, NEWEST_BEYOND]
    assert bars(draw(trend(0.4, 0.2, 0.1, 0.2))) == [BEYOND, BAR, NEWEST_BAR]


def test_for_results_less_is_worse() -> None:
    assert bars(draw(trend(0.8, 0.6, 0.7, limit=0.65, more_is_bad=False))) == [BAR, BEYOND, NEWEST_BAR]


def test_the_limit_is_a_line_across_at_its_height() -> None:
    rows = [row for row in range(HEIGHT) if LIMIT in colors(draw(trend(1.0, 1.0, 1.0, limit=0.5)), row)]
    assert rows == [144, 145, 146, 147]  # 256 - 232 * 0.5 / 1.05 = 145.5, from two rows above it
    assert not any(LIMIT in colors(draw(trend(1.0, 1.0, 1.0, limit=None)), row) for row in range(0, HEIGHT, 2))


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (-1.0, -2.0, -3.0), (1e300, 0.0, 1e-300)])
@pytest.mark.parametrize("limit", [None, 0.0, -1.0, 0.25])
def test_odd_values_are_drawn_too(values, limit) -> None:
    assert b"IEND" in chunks(draw(trend(*values, limit=limit)))


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=30),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
@settings(max_examples=40, deadline=None)
def test_any_picture_is_whole_and_small(values, limit) -> None:
    png = draw(trend(*values, limit=limit))
    assert chunks(png).keys() == {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
    assert len(png) < 4_000
