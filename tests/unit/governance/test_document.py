import pytest

from driftline.governance.document import MAX_CHARACTERS, read_document
from driftline.governance.errors import DefinitionRefused


def refused(text):
    with pytest.raises(DefinitionRefused) as caught:
        read_document(text)
    return caught.value.problems


def test_every_field_knows_its_line():
    document = read_document("a: 1\nb:\n  c: [x, y]\n  d: 2.5\n")
    assert document.values == {"a": 1, "b": {"c": ["x", "y"], "d": 2.5}}
    assert document.lines["b.d"] == 4
    assert document.lines["b.c[1]"] == 3


def test_json_is_read_too_even_with_tabs():
    assert read_document('{\n\t"a": {"b": [true, null, "x"]}}').values == {"a": {"b": [True, None, "x"]}}


def test_characters_beyond_the_first_plane_survive_json_escapes():
    assert read_document('{"a": "\\ud83d\\ude00"}').values == {"a": "\U0001f600"}


def test_a_date_stays_the_text_that_was_written():
    assert read_document("since: 2013-03-01").values == {"since": "2013-03-01"}


def test_a_key_that_stands_twice_is_refused_with_both_lines():
    (problem,) = refused("a: 1\nb: 2\na: 3\n")
    assert (problem.field, problem.line) == ("a", 3)
    assert "line 1" in problem.detail


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x",
        "a: !!python/object/apply:os.system ['true']",
        "a: !secret 1",
        "a: 0x1F",
        "a: 1:30",
        "? [a]\n: b",
        "- a\n- b",
        "just words",
        "",
        "a: [1",
        "a: \x07",
        "[" * 200_000,
        "- " * 120_000,
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        "a: " + "{a: " * 3000,
        "9" * 5000,
        "a: " + "9" * 5000,
    ],
)
def test_what_yaml_could_surprise_with_is_refused(text):
    assert refused(text)


def test_a_syntax_error_names_its_line():
    (problem,) = refused("a: 1\nb: [1, 2\nc: 3\n")
    assert problem.line in {2, 3}


def test_a_document_has_a_largest_size():
    (problem,) = refused("#" * (MAX_CHARACTERS + 1))
    assert str(MAX_CHARACTERS) in problem.detail
