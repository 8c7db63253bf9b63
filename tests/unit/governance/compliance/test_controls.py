"""Verdicts follow from evidence, and never without it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.events import ControlStatus, Requirement
from driftline.governance.compliance.controls import evaluate
from driftline.governance.compliance.evidence import Evidence, Group, Head
from driftline.governance.compliance.requirements import (
    AUDIT_LOGGING,
    BIAS,
    DEFAULTS,
    DOCUMENTATION,
    EXPLAINABILITY,
    LINEAGE,
)
from tests.unit.governance.compliance.builders import DAY, NOW, archived, attested, registered, requirement, whole, window

S = ControlStatus
NOTHING = Evidence(at=NOW)


def verdict(name, evidence, **changes):
    return evaluate("m", replace(requirement(name), **changes), evidence)


def findings(control):
    return {one.subject: one.holds for one in control.findings}


@pytest.mark.parametrize("name", DEFAULTS)
def test_no_evidence_is_never_a_pass(name):
    control = verdict(name, NOTHING)
    assert control.status is S.INSUFFICIENT_EVIDENCE
    assert control.score == 0
    assert control.recommendations, "it says what to provide"


def test_all_evidence_there_is_makes_every_control_hold():
    statuses = {name: verdict(name, whole()).status for name in DEFAULTS}
    assert statuses == {
        DOCUMENTATION: S.COMPLIANT,
        BIAS: S.COMPLIANT,
        AUDIT_LOGGING: S.COMPLIANT,
        EXPLAINABILITY: S.ATTESTED,
        LINEAGE: S.ATTESTED,
    }


def test_a_requirement_that_no_control_evaluates_is_not_implemented():
    control = evaluate("m", Requirement(name="explainabilty"), whole())
    assert control.status is S.NOT_IMPLEMENTED
    assert "did you mean 'explainability'?" in control.findings[0].detail


@pytest.mark.parametrize(
    ("model", "failing", "advice"),
    [
        (
            registered(description="", tags={"a": "b"}),
            {"has_description", "description_length"},
            {
                "Add comprehensive model description",
                "Expand model description to include use case, assumptions, and limitations",
            },
        ),
        (
            registered(description="x" * 100, tags={"a": "b"}),
            {"description_length"},
            {"Expand model description to include use case, assumptions, and limitations"},
        ),
        (registered(), {"has_tags"}, {"Add relevant tags for model categorization and discovery"}),
        (registered(tags={"a": "b"}, versions=("first", "")), {"version_descriptions"}, {"Describe version 2"}),
    ],
)
def test_documentation_holds_where_all_four_checks_do(model, failing, advice):
    control = verdict(DOCUMENTATION, Evidence(at=NOW, model=model))
    assert {name for name, holds in findings(control).items() if holds is False} == failing
    assert control.status is S.NON_COMPLIANT
    assert control.score == 1 - len(failing) / 4
    assert set(control.recommendations) == advice


def test_an_archived_version_needs_no_description():
    model = archived(registered(tags={"a": "b"}, versions=("first", "")), "2")
    assert verdict(DOCUMENTATION, Evidence(at=NOW, model=model)).status is S.COMPLIANT
    none = archived(registered(tags={"a": "b"}), "1")
    assert verdict(DOCUMENTATION, Evidence(at=NOW, model=none)).status is S.PARTIAL


def bias(*windows, **changes):
    return verdict(BIAS, Evidence(at=NOW, windows=windows), **changes)


@pytest.mark.parametrize(("selected", "status"), [(80, S.COMPLIANT), (79, S.NON_COMPLIANT)])
def test_the_ratio_of_selection_rates_must_reach_the_threshold(selected, status):
    control = bias(window(f=(100, selected), m=(100, 100)))
    (finding,) = control.findings
    assert (control.status, finding.value, finding.limit) == (status, selected / 100, 0.8)
    assert bool(control.recommendations) is (status is S.NON_COMPLIANT)


def test_bias_is_investigated_rebalanced_and_mitigated_by_attribute():
    assert bias(window(f=(100, 10), m=(100, 90))).recommendations == (
        "Investigate bias in gender predictions",
        "Consider rebalancing training data for gender",
        "Implement bias mitigation techniques for gender",
    )


@pytest.mark.parametrize(
    "windows",
    [
        (),
        (window(f=(1000, 500)),),
        (window(f=(29, 20), m=(1000, 500)),),
        (window(f=(100, 0), m=(100, 0)),),
        (window(f=(100, 50), m=(100, 50), rows=211),),
        (window(f=(15, 10), m=(100, 90)), window(start=NOW - 32 * DAY, f=(15, 10), m=(100, 90))),
    ],
    ids=["no window", "one group", "a small group", "nobody selected", "groups of few rows known", "an old window"],
)
def test_groups_that_cannot_be_compared_are_no_evidence(windows):
    assert bias(*windows).status is S.INSUFFICIENT_EVIDENCE


def test_one_attribute_that_holds_beside_one_that_is_not_known_is_partial():
    control = bias(window(f=(100, 50), m=(100, 50)), protected_attributes=("gender", "age"))
    assert control.status is S.PARTIAL
    assert findings(control) == {"gender": True, "age": None}


def test_a_longer_name_that_begins_alike_is_another_attribute():
    other = replace(window(), rows=200, groups={"gender_at_birth=f": Group(100, 1), "gender_at_birth=m": Group(100, 99)})
    assert bias(other).status is S.INSUFFICIENT_EVIDENCE
    quoted = replace(window(), rows=200, groups={'"a b"=f': Group(100, 1), '"a b"=m': Group(100, 99)})
    assert bias(quoted, protected_attributes=("a b",)).status is S.NON_COMPLIANT


@pytest.mark.parametrize(("value", "status"), [(0.95, S.ATTESTED), (0.94, S.NON_COMPLIANT), (None, S.INSUFFICIENT_EVIDENCE)])
def test_an_attested_coverage_is_held_against_the_threshold(value, status):
    evidence = Evidence(at=NOW, statements={EXPLAINABILITY: attested(value=value)})
    control = verdict(EXPLAINABILITY, evidence)
    assert control.status is status
    assert ("Generate SHAP explanations for model predictions" in control.recommendations) is (status is not S.ATTESTED)


def test_what_to_do_about_explanations_and_logging():
    assert verdict(EXPLAINABILITY, NOTHING).recommendations[:3] == (
        "Generate SHAP explanations for model predictions",
        "Add LIME explanations for complex cases",
        "Document explanation methodology",
    )
    assert verdict(AUDIT_LOGGING, NOTHING).recommendations[:3] == (
        "Enable inference logging on serving endpoints",
        "Configure appropriate data retention policies",
        "Set up audit log monitoring",
    )


def test_a_statement_counts_until_its_time_is_over():
    for until, status in ((NOW + 1, S.ATTESTED), (NOW, S.INSUFFICIENT_EVIDENCE)):
        evidence = Evidence(at=NOW, statements={LINEAGE: attested(LINEAGE, until=until)})
        assert verdict(LINEAGE, evidence).status is status


@pytest.mark.parametrize("name", [DOCUMENTATION, BIAS, AUDIT_LOGGING])
def test_what_driftline_sees_itself_cannot_be_vouched_for(name):
    assert verdict(name, Evidence(at=NOW, statements={name: attested(name)})).status is S.INSUFFICIENT_EVIDENCE


def test_lineage_is_partial_with_a_source_and_wants_a_statement_that_knows_every_version():
    source = {"file": "t.parquet", "sha256": "ab"}
    assert verdict(LINEAGE, Evidence(at=NOW, provenance=source)).status is S.PARTIAL
    old = Evidence(at=NOW, model=registered(at=NOW), statements={LINEAGE: attested(LINEAGE, at=NOW - 1)})
    assert verdict(LINEAGE, old).status is S.INSUFFICIENT_EVIDENCE
    assert verdict(LINEAGE, old, documentation_current=False).status is S.ATTESTED


@pytest.mark.parametrize(
    ("head", "days", "status"),
    [
        (Head("log", 1, NOW - 1), 365.0, S.COMPLIANT),
        (Head("log", 1, NOW - 1), 364.9, S.NON_COMPLIANT),
        (Head("log", 1, NOW - DAY), 365.0, S.PARTIAL),
        (None, 365.0, S.PARTIAL),
    ],
)
def test_audit_logging_wants_a_fresh_head_and_topics_that_are_kept(head, days, status):
    kept = {"driftline.alerts": 9000.0, "driftline.windows": days}
    control = verdict(AUDIT_LOGGING, Evidence(at=NOW, watermark=NOW, head=head, kept_days=kept))
    assert control.status is status
    assert ("Configure appropriate data retention policies" in control.recommendations) is (status is not S.COMPLIANT)


def test_audit_logging_of_a_model_whose_predictions_were_never_counted_is_not_shown():
    assert verdict(AUDIT_LOGGING, replace(whole(), watermark=None)).status is S.PARTIAL


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=4),
    st.floats(0.01, 1.0),
    st.booleans(),
)
def test_what_is_compliant_rests_on_a_ratio_that_was_measured(counts, threshold, extra):
    groups = {f"g{number}": (max(pair), min(pair)) for number, pair in enumerate(counts)}
    rows = None if not extra else sum(most for most, _ in groups.values()) + 1
    control = bias(window(rows=rows, **groups), fairness_threshold=threshold)
    (finding,) = control.findings
    assert (control.status is S.COMPLIANT) is (finding.value is not None and finding.value >= threshold)
    assert 0 <= control.score <= 1
