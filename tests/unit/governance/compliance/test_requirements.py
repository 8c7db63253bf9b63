"""The document of requirements."""

import pytest

from driftline.events import Requirement
from driftline.governance.compliance.requirements import DEFAULTS, requirements_of
from driftline.governance.errors import DefinitionRefused

WHOLE = """
model_documentation: {required: true, check_frequency: monthly}
bias_monitoring: {required: true, protected_attributes: [senior_citizen, gender], fairness_threshold: 0.8}
explainability: {required: true, methods: [shap, lime], coverage_threshold: 0.95}
data_lineage: {required: true, documentation_current: true}
audit_logging: {required: true, retention_days: 365}
"""


def test_the_whole_document_reads_as_it_is_written():
    found = {one.name: one for one in requirements_of(WHOLE)}
    assert found["model_documentation"] == Requirement(name="model_documentation", check_frequency="monthly")
    assert found["bias_monitoring"].protected_attributes == ("senior_citizen", "gender")
    assert found["bias_monitoring"].fairness_threshold == 0.8
    assert (found["explainability"].methods, found["explainability"].coverage_threshold) == (("shap", "lime"), 0.95)
    assert found["data_lineage"].documentation_current
    assert found["audit_logging"].retention_days == 365


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_an_empty_document_requires_everything_by_default(text):
    assert requirements_of(text) == tuple(DEFAULTS.values())


def test_only_what_is_named_is_required_and_a_key_alone_will_do():
    (one,) = requirements_of("data_lineage:\n")
    assert one == DEFAULTS["data_lineage"]
    (off,) = requirements_of("explainability: {required: false}")
    assert not off.required


def test_a_name_that_no_control_evaluates_is_taken():
    assert requirements_of("watermarking: {}") == (Requirement(name="watermarking"),)


@pytest.mark.parametrize(
    ("text", "field", "line", "said"),
    [
        ("audit_logging: {retention_day: 3}", "audit_logging.retention_day", 1, "did you mean 'retention_days'?"),
        ("\nbias_monitoring: {fairness_threshold: 1.2}", "bias_monitoring.fairness_threshold", 2, "no share"),
        ("bias_monitoring: {fairness_threshold: 0}", "bias_monitoring.fairness_threshold", 1, "no share"),
        ("data_lineage: {check_frequency: yearly}", "data_lineage.check_frequency", 1, "known are"),
        ("data_lineage: {required: 1}", "data_lineage.required", 1, "neither true nor false"),
        ("data_lineage: 1", "data_lineage", 1, "mapping"),
        ("audit_logging: {retention_days: 0}", "audit_logging.retention_days", 1, "whole number"),
    ],
)
def test_a_fault_is_told_with_its_place(text, field, line, said):
    with pytest.raises(DefinitionRefused) as refused:
        requirements_of(text)
    (problem,) = refused.value.problems
    assert (problem.field, problem.line) == (field, line)
    assert said in problem.detail


def test_too_many_or_too_long_names_are_refused():
    for text in ("\n".join(f"r{number}: {{}}" for number in range(101)), f"{'x' * 101}: {{}}"):
        with pytest.raises(DefinitionRefused):
            requirements_of(text)
