"""Score, level, and when a report is due."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.events import ComplianceLevel, ComplianceTrigger, ControlStatus, Requirement
from driftline.governance.compliance.evidence import Evidence
from driftline.governance.compliance.report import assess, level_of, reason_to_report, report, told
from driftline.governance.compliance.requirements import EXPLAINABILITY, LINEAGE
from tests.unit.governance.compliance.builders import ALL, DAY, NOW, attested, registered, whole, window

PIECES = ("model", "provenance", "windows", "watermark", "head", "kept_days", "statements")


def reported(evidence, requirements=ALL, trigger=ComplianceTrigger.CHANGED):
    return report(assess("m", requirements, evidence), trigger)


def some_of(pieces):
    found = whole()
    return Evidence(at=NOW, **{name: getattr(found, name) for name in pieces})


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (1.0, "FULLY_COMPLIANT"),
        (0.9, "FULLY_COMPLIANT"),
        (0.89, "MOSTLY_COMPLIANT"),
        (0.7, "MOSTLY_COMPLIANT"),
        (0.69, "PARTIALLY_COMPLIANT"),
        (0.5, "PARTIALLY_COMPLIANT"),
        (0.49, "NON_COMPLIANT"),
        (0.0, "NON_COMPLIANT"),
    ],
)
def test_levels_of_scores(score, level):
    assert level_of(score) is ComplianceLevel(level)


def test_a_report_counts_what_holds_and_says_what_to_do():
    found = reported(replace(whole(), statements={EXPLAINABILITY: attested(value=0.97)}))
    assert (found.total_checks, found.compliant_checks, found.attested_checks) == (5, 4, 1)
    assert (found.score, found.level) == (0.8, ComplianceLevel.MOSTLY_COMPLIANT)
    assert {one.control for one in found.results if one.status is ControlStatus.PARTIAL} == {LINEAGE}
    assert len(found.recommendations) == 2
    assert found.next_review - found.at == 30 * DAY


def test_what_is_not_required_is_not_evaluated():
    found = reported(Evidence(at=NOW), tuple(replace(one, required=one.name == LINEAGE) for one in ALL))
    assert [one.control for one in found.results] == [LINEAGE]


def test_nothing_required_is_nothing_met():
    found = reported(whole(), ())
    assert (found.total_checks, found.score, found.level) == (0, 0.0, ComplianceLevel.NON_COMPLIANT)


def test_what_no_control_evaluates_counts_against_the_score():
    assert reported(whole(), (*ALL, Requirement(name="unheard"))).score == 5 / 6


@given(st.sets(st.sampled_from(PIECES)), st.sets(st.sampled_from(PIECES)))
def test_more_evidence_of_what_holds_never_lowers_the_score(few, more):
    smaller, larger = reported(some_of(few)), reported(some_of(few | more))
    assert 0 <= smaller.score <= larger.score <= 1
    assert some_of(few | more) != whole() or larger.score == 1


@given(st.integers(0, 300), st.booleans(), st.booleans(), st.booleans())
def test_the_score_is_the_share_of_controls_that_hold(selected, tagged, signed, kept):
    evidence = replace(
        whole(),
        model=registered(tags={"a": "b"} if tagged else {}),
        windows=(window(f=(300, selected), m=(300, 150)),),
        head=whole().head if signed else None,
        kept_days={"t": 365.0 if kept else 7.0},
    )
    found = reported(evidence)
    holds = (tagged, signed and kept, 120 <= selected <= 187, True, True)
    assert found.score == sum(holds) / 5
    assert level_of(found.score) is found.level


def due(evidence, last, requirements=ALL):
    return reason_to_report(assess("m", requirements, evidence), last)


def test_the_first_report_is_due_at_once_where_anything_is_required():
    assert due(whole(), None) is ComplianceTrigger.CHANGED
    assert due(whole(), None, ()) is None


def test_a_verdict_that_changes_is_reported_and_the_same_again_is_not():
    last = reported(whole())
    assert due(whole(), last) is None
    assert due(replace(whole(), head=None), last) is ComplianceTrigger.CHANGED
    assert due(whole(), last, ALL[:2]) is ComplianceTrigger.CHANGED
    withdrawn = reported(whole(), ())
    assert due(whole(), withdrawn, ()) is None


def test_the_most_frequent_requirement_says_when_to_look_again():
    last = reported(Evidence(at=NOW))
    monthly = tuple(replace(one, check_frequency="monthly") for one in ALL)
    for requirements, pause in (
        (ALL, DAY),
        (monthly, 30 * DAY),
        ((*monthly, replace(ALL[0], check_frequency="hourly")), DAY // 24),
    ):
        assert due(Evidence(at=NOW + pause - 1), last, requirements) is None
        assert due(Evidence(at=NOW + pause), last, requirements) is ComplianceTrigger.SCHEDULED


def test_the_events_of_a_report_bear_one_time():
    events = told(assess("m", ALL, whole()), ComplianceTrigger.ON_DEMAND, "ann")
    assert len(events) == 6
    assert {one.at for one in events} == {NOW}
    assert (events[-1].actor, events[-1].trigger) == ("ann", ComplianceTrigger.ON_DEMAND)
