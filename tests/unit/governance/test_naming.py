"""Names that follow from a model's id."""

import pytest

from driftline.governance.naming import in_namespace, namespace_of, short_name, table_of


@pytest.mark.parametrize(
    ("model", "namespace", "short"),
    [("prod.ml.churn", "prod.ml", "churn"), ("churn", "", "churn"), ("shop.churn", "shop", "churn"), ("a/b.c", "a/b", "c")],
)
def test_a_model_lies_in_what_stands_before_its_last_dot(model, namespace, short):
    assert (namespace_of(model), short_name(model)) == (namespace, short)


@pytest.mark.parametrize(
    ("model", "namespace", "within"),
    [
        ("prod.ml.churn", "prod.ml", True),
        ("prod.ml.churn", "prod", True),
        ("prod.ml.churn", "prod.m", False),
        ("churn", "", True),
    ],
)
def test_a_namespace_holds_those_within_it(model, namespace, within):
    assert in_namespace(model, namespace) is within


def test_tables_lie_in_the_models_namespace_or_where_it_is_said():
    assert table_of("prod.ml.churn", "drift_metrics") == "prod.ml.churn_drift_metrics"
    assert table_of("prod.ml.churn", "profile_metrics", "audit.monitoring") == "audit.monitoring.churn_profile_metrics"
    assert table_of("churn", "drift_metrics") == "churn_drift_metrics"
