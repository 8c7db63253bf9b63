import pytest

from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.response.actions import Action, Category
from driftline.alerting.response.policy import Delivery, Mode, ModelPolicy
from driftline.alerting.response.policy_file import load

TEXT = """
version: "3"
defaults:
  thresholds:
    auto_remediation: {risk_score: 35, confidence: 0.7}
    pause_serving: {risk_score: 95}
  limits: {cool_down: 2h, min_samples: 500}
models:
  nyc.flights.delay:
    mode: auto
    endpoint: flights-delay
    critical_features: [temp]
    remediation_actions:
      data_quality: [alert_data_team]
    rollback_conditions: {error_rate_spike: 0.05}
    verification: {windows: 3, timeout: 3d}
    approval_required: [rollback_model]
    no_fallback: accept
    deliver: [serving-commands, webhook, mlflow]
    mlflow: {name: flights, alias: live}
    contacts: [ml-lead@example.com]
"""


def test_everything_that_is_written_holds_and_the_rest_is_as_in_the_defaults():
    policy = load(TEXT)
    assert (policy.version, policy.kill_switch) == ("3", False)
    of = policy.of("nyc.flights.delay")
    assert (of.mode, of.endpoint, of.critical_features) == (Mode.AUTO, "flights-delay", frozenset({"temp"}))
    assert (of.thresholds.auto_risk, of.thresholds.confidence, of.thresholds.pause_risk) == (35, 0.7, 95)
    assert (of.thresholds.human_risk, of.thresholds.emergency_risk) == (60, 80)
    assert (of.limits.cool_down, of.limits.min_samples) == (7_200_000_000, 500)
    assert (of.verification.windows, of.verification.timeout) == (3, 259_200_000_000)
    assert (of.rollback.error_rate_spike, of.rollback.performance_degradation) == (0.05, 0.02)
    assert of.remedies[Category.DATA_QUALITY] == (Action.ALERT_DATA_TEAM,)
    assert of.remedies[Category.FEATURE_DRIFT][0] is Action.RETRAIN_MODEL
    assert of.deliver == tuple(Delivery)
    assert (of.mlflow_name, of.mlflow_alias, of.accept_no_fallback) == ("flights", "live", True)
    assert policy.of("another").mode is Mode.SHADOW
    assert policy.of("another").limits.min_samples == 500


def test_an_empty_file_is_the_default():
    assert load("").of("m") == ModelPolicy()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mode_ls: {}", "mode_ls is not supported"),
        ("models: {m: {mode: on}}", "'on' is not known; known are off, shadow, approve, auto"),
        ("models: {m: {limits: {cool_down: soon}}}", "'soon' is no duration"),
        ("models: {m: {limits: {budget: 3}}}", "budget is not supported"),
        ("defaults: {thresholds: {auto_remediation: {risk_score: 70}}}", "must rise from"),
        ("defaults: {thresholds: {auto_remediation: {confidence: much}}}", "'much' is no number"),
        ("defaults: {limits: {min_samples: -1}}", "must not be negative"),
        ("models: {m: {no_fallback: perhaps}}", "must be accept or refuse"),
        ("models: {m: {remediation_actions: {fire: [retrain_model]}}}", "fire is not supported"),
    ],
)
def test_a_fault_names_the_line_and_the_remedy(text, fault):
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(text, source="response.yml")
    assert fault.partition(" is not supported")[0] in str(refused.value)
    assert "response.yml:1" in str(refused.value)
