import pytest

from driftline.alerting.regular_expressions import compile_whole


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"\d+", "123", "١٢"),
        (r"\w", "a", "ä"),
        (r"\W", "ä", "a"),
        (r"\s", "\t", "\v"),
        (r"[\D]", "a", "1"),
        (r"[^\D]", "1", "a"),
        (r"[^\n\d]", "a", "1"),
        (".", "a", "\n"),
        ("(?s).", "\n", ""),
        ("a$", "a", "a\n"),
        (r"a\z", "a", "b"),
        ("(?i)ab|cd", "CD", "CE"),
        ("a(?i)b|c", "C", "AB"),
        ("(?i:a)b", "Ab", "AB"),
        ("(?i)a(?-i)b", "Ab", "AB"),
        ("(?P<x>a)(?<y>b)", "ab", "a"),
        ("[[:alpha:]]+", "ab", "a1"),
        ("[[:^alpha:]]", "1", "a"),
        ("[]a]", "]", "b"),
        ("[a-]", "-", "b"),
        ("[a^]", "^", "b"),
        (r"\Qa.b\E+", "a.b", "axb"),
        (r"\x41\x{1F642}\101", "A🙂A", "A"),
        (r"\pL\p{Lu}\PN", "äÄx", "äÄ1"),
        (r"\p{^L}", "1", "a"),
        ("a{2}b{1,}c{0,1}", "aabb", "ab"),
        ("a{,2}", "a{,2}", "aa"),
        ("a{x", "a{x", "a"),
        ("(?m)a$\nb", "a\nb", "ab"),
        (r"\babc\b", "abc", "abcd"),
        (r"a\-b\/", "a-b/", "ab"),
        ("(?U)a+", "aaa", "b"),
        ("", "", "a"),
        ("|a", "", "b"),
        ("[[a]+", "[a", "]"),
        ("[a&&b]", "&", "c"),
    ],
)
def test_an_expression_means_what_re2_takes_it_for(pattern, matching, other) -> None:
    compiled = compile_whole(pattern)
    assert compiled.fullmatch(matching)
    assert not compiled.fullmatch(other)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)",
        "[a",
        "*",
        "a**",
        "a++",
        "a{1001}",
        "a{3,2}",
        r"(a)\1",
        "(?=a)",
        "(?<!a)",
        "(?>a)",
        "(?#a)",
        "[b-a]",
        r"\p{Klingon}",
        r"\pQ",
        "[[:x:]]",
        "\\",
        r"\Z",
        r"\Qa",
        r"\y",
        "(?P<a>b)(?P<a>c)",
        "(?P=a)",
        r"\x4",
        r"\p{L",
        "[a-",
        "(?i",
    ],
)
def test_what_re2_refuses_is_refused(pattern) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_whole(pattern)
