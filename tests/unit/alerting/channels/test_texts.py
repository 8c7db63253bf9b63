import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerting.channels.slack import escape
from driftline.alerting.channels.texts import clean, clip, color, link, moment, one_line, units
from tests.unit.alerting.channels.notices import HARM


@given(st.one_of(st.sampled_from(HARM), st.text(st.characters(codec=None))), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_a_clipped_text_fits_and_ends_in_no_half_escape(text, limit) -> None:
    cut = clip(clean(text), limit, escape)
    assert units(cut) <= limit
    assert len(cut.encode("utf-16-le")) // 2 <= limit
    plain = html.unescape(cut)
    assert escape(plain) == cut
    assert cut == escape(clean(text)) or cut.endswith("…")


def test_what_fits_exactly_is_not_cut() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
    assert clip("a&b", 7, escape) == "a&amp;b"
    assert clip("a&b", 6, escape) == "a…"


@pytest.mark.parametrize("text", HARM)
def test_a_line_is_one_line_that_can_be_encoded(text) -> None:
    line = one_line(text)
    line.encode()
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://",
        "https://a b",
        'https://x/"onclick=',
        "https://x/|click>",
        "http://[",
        "ftp://x/",
        "https://x/" + "y" * 3000,
        "https://xé/",
        "",
        None,
        7,
    ],
)
def test_what_is_no_plain_web_address_is_no_link(url) -> None:
    assert link(url) is None


def test_a_web_address_is_a_link_as_it_stands() -> None:
    assert link("http://127.0.0.1:8080/mlops/drift-runbook?x=1&y=2#z") == "http://127.0.0.1:8080/mlops/drift-runbook?x=1&y=2#z"


def test_a_time_is_written_as_people_read_it_and_nothing_else_is_changed() -> None:
    assert moment("2013-04-01T05:15:00.000001Z") == moment("2013-04-01T05:15:00Z") == "2013-04-01 05:15:00 UTC"
    for text in ("", "yesterday", "2013-04-01T05:15:00+02:00", " 2013-04-01T05:15:00Z"):
        assert moment(text) == text


def test_only_a_plain_colour_is_a_colour() -> None:
    assert color("#d32f2f", "#000000") == "#d32f2f"
    assert color("red; background: url(x)", "#000000") == "#000000"
