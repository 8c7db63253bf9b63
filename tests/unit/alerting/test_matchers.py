import pytest

from driftline.alerting.matcher_syntax import Syntax, disagreement, parse_matchers
from driftline.alerting.matchers import Matcher, Operator, all_match, in_order

E, N, M, X = Operator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a="b"', [Matcher("a", E, "b")]),
        ("a = b", [Matcher("a", E, "b")]),
        ("a!=b, c=", [Matcher("a", N, "b"), Matcher("c", E, "")]),
        (r'a="x\"y\\z\n"', [Matcher("a", E, 'x"y\\z\n')]),
        ('a="b",', [Matcher("a", E, "b")]),
        ("", []),
        ("{}", []),
        ('{a=~"b|c", d!~e}', [Matcher("a", M, "b|c"), Matcher("d", X, "e")]),
        ('a="b,c"', [Matcher("a", E, "b,c")]),
        ("a=b c", [Matcher("a", E, "b c")]),
        ("a:b=c", [Matcher("a:b", E, "c")]),
        (r"a=\d", [Matcher("a", E, r"\d")]),
        ("größe=🙂", [Matcher("größe", E, "🙂")]),
        ('"a b"="c"', [Matcher("a b", E, "c")]),
        (r'"\u00e4"="\xc3\xa4\x41\101\U0001f642"', [Matcher("ä", E, "äAA🙂")]),
        ("a.b=c", [Matcher("a.b", E, "c")]),
        (r'a="\xe4"', [Matcher("a", E, r"\xe4")]),
    ],
)
def test_matchers_are_read(text, expected) -> None:
    assert list(parse_matchers(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["a", 'a="b', "=b", "1a=b c", "a=~(", "a!b", '"a"="b', "ä=b}", "{ä=b", "ä=b c=d", "ä", r'"ä"="\xff"', "a=b,,c=d", 'a=b"c'],
)
def test_what_is_no_matcher_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"matcher|\"|brace|expression|!|without"):
        parse_matchers(text)


def test_each_syntax_refuses_what_only_the_other_knows() -> None:
    for text, syntax in (("ä=b", Syntax.CLASSIC), ("a=", Syntax.UTF8), ("a=b c", Syntax.UTF8)):
        assert parse_matchers(text)
        with pytest.raises(ValueError, match="matcher"):
            parse_matchers(text, syntax)


def test_where_the_syntaxes_disagree_a_warning_says_what_to_write() -> None:
    assert disagreement('a="b"') is None
    assert disagreement("ä=b") is None
    assert 'write {a=""}' in (disagreement("a=") or "")
    assert "to be clear" in (disagreement(r'a="\x41"') or "")


def test_an_absent_label_is_empty_for_every_operator() -> None:
    assert [Matcher("a", operator, "").matches({}) for operator in Operator] == [True, False, True, False]
    assert Matcher("a", N, "x").matches({})
    assert Matcher("a", M, ".*").matches({})
    assert not Matcher("a", M, ".+").matches({})


def test_an_expression_must_match_the_whole_value() -> None:
    assert Matcher("a", M, "b|cd").matches({"a": "cd"})
    assert not Matcher("a", M, "b|c").matches({"a": "cd"})
    assert not Matcher("a", M, "b$").matches({"a": "b\n"})


def test_no_matcher_at_all_is_fulfilled() -> None:
    assert all_match((), {})
    assert not all_match((Matcher("a", E, "b"), Matcher("c", E, "d")), {"a": "b"})


def test_matchers_are_ordered_by_name_value_and_operator() -> None:
    sorted_ones = [Matcher("a", E, "1"), Matcher("a", N, "1"), Matcher("a", M, "1"), Matcher("a", E, "2"), Matcher("b", E, "0")]
    assert list(in_order(reversed(sorted_ones))) == sorted_ones


def test_a_matcher_reads_as_it_can_be_written() -> None:
    for matcher in (Matcher("a", M, 'x"\\\n'), Matcher("a b", E, 'x"\\\n\t'), Matcher("ä", X, ",}")):
        assert parse_matchers(str(matcher), Syntax.UTF8) == (matcher,)
