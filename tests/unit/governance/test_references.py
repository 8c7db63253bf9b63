import pytest

from driftline.events import MonitorReference, Reference
from driftline.governance.document import read_document
from driftline.governance.fields import Fields
from driftline.governance.references import references

GRANULARITIES = ("15 minutes", "1 hour", "1 day", "1 week", "1 week every 1 day")


def read(text: str):
    problems = []
    document = read_document(text)
    return references(Fields(document, problems, document.values), GRANULARITIES), problems


def of(**granularities):
    return tuple(
        MonitorReference(reference=Reference(name.upper()), granularities=tuple(found)) for name, found in granularities.items()
    )


def test_nobody_is_compared_with_the_past_who_did_not_ask():
    assert read("model: m") == ((), [])


def test_by_default_windows_of_a_day_or_longer_are_compared_with_the_one_before_and_shorter_than_a_week_with_last_week():
    found, problems = read("references: [consecutive, season]")
    assert not problems
    assert found == of(consecutive=["1 day", "1 week", "1 week every 1 day"], season=["15 minutes", "1 hour", "1 day"])


def test_granularities_can_be_named():
    found, problems = read("references: {consecutive: [1 hour], season: }")
    assert not problems
    assert found == of(consecutive=["1 hour"], season=["15 minutes", "1 hour", "1 day"])


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("references: [yesterday]", "references[0]", "no window of the past"),
        ("references: {seasons: [1 day]}", "references.seasons", "did you mean 'season'"),
        ("references: {season: [1 week]}", "references.season", "no shorter than a week"),
        ("references: {consecutive: [1 month]}", "references.consecutive[0]", "none of the granularities"),
        ("references: {consecutive: [often]}", "references.consecutive[0]", "no granularity"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(text, place, words):
    _, problems = read(text)
    (problem,) = problems
    assert problem.field == place
    assert words in problem.detail


def test_a_reference_that_would_compare_nothing_is_no_silent_wish():
    document = read_document("references: [consecutive]")
    problems = []
    assert references(Fields(document, problems, document.values), ("1 hour",)) == ()
    assert "consecutive: [1 hour]" in problems[0].detail
