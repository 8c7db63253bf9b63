import pytest

from driftline.alerting.matchers import parse_matchers
from driftline.alerting.routing import Matcher, Operator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a="b"', [Matcher("a", Operator.EQUAL, "b")]),
        ("a = b", [Matcher("a", Operator.EQUAL, "b")]),
        ("a!=b, c=", [Matcher("a", Operator.NOT_EQUAL, "b"), Matcher("c", Operator.EQUAL, "")]),
        (r'a="x\"y\\z\n"', [Matcher("a", Operator.EQUAL, 'x"y\\z\n')]),
        ('a="b",', [Matcher("a", Operator.EQUAL, "b")]),
    ],
)
def test_matchers_are_read(text, expected) -> None:
    assert list(parse_matchers(text)) == expected


@pytest.mark.parametrize("text", ["", "a", "a=b c=d", 'a="b', "1a=b", "a=~b", "a!~b", "=b", "a={b}"])
def test_what_is_no_matcher_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"matcher|supported|comma"):
        parse_matchers(text)
