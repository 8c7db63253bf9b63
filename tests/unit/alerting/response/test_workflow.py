import re

import pytest

from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.response.actions import Band
from driftline.alerting.response.escalation import Level
from driftline.alerting.response.plan import State
from driftline.alerting.response.policy import Mode, ModelPolicy
from driftline.alerting.response.responding import Facts
from driftline.alerting.response.workflow import (
    Emergency,
    create_intelligent_response_workflow,
    default_response_config,
    execute_emergency_response,
    next_scheduled,
)
from tests.unit.alerting.response.builders import DAY, HOUR, windows

CHURN = "prod.ml.churn_model"


def test_the_workflow_has_its_name_schedule_and_six_tasks_in_a_chain():
    found = create_intelligent_response_workflow(CHURN).as_dict()
    assert found["name"] == "MLOps Response - churn_model"
    assert found["schedule"] == "0 */6 * * *"
    keys = [task["task_key"] for task in found["tasks"]]
    assert keys == [
        "assess_monitoring_state",
        "evaluate_risk",
        "decision_matrix",
        "automated_remediation",
        "escalate_to_humans",
        "document_actions",
    ]
    before = [[one["task_key"] for one in task["depends_on"]] for task in found["tasks"]]
    assert before == [[], *([key] for key in keys[:-1])]


def test_the_tasks_have_their_parameters_and_conditions():
    tasks = {task["task_key"]: task for task in create_intelligent_response_workflow(CHURN).as_dict()["tasks"]}
    assert tasks["assess_monitoring_state"]["parameters"] == {"time_window_hours": "6", "include_business_metrics": "true"}
    assert tasks["evaluate_risk"]["parameters"] == {"risk_model_version": "v2.1", "include_external_factors": "true"}
    assert tasks["decision_matrix"]["condition_task"]["right"] == "30"
    assert tasks["automated_remediation"]["parameters"] == {
        "remediation_mode": "{{tasks.evaluate_risk.values.recommended_action}}",
        "safety_checks": "true",
    }
    assert tasks["escalate_to_humans"]["condition_task"]["right"] == "60"
    assert tasks["escalate_to_humans"]["condition_task"]["left"] == "{{tasks.evaluate_risk.values.overall_risk_score}}"
    assert tasks["document_actions"]["parameters"] == {"include_metrics": "true", "update_runbook": "true"}


def test_the_default_thresholds_and_actions():
    assert default_response_config() == {
        "thresholds": {
            "auto_remediation": {"risk_score": 30, "confidence": 0.8},
            "human_escalation": {"risk_score": 60, "business_impact": 50000},
            "emergency_response": {"risk_score": 80, "critical_feature_drift": 0.5},
        },
        "remediation_actions": {
            "feature_drift": ["retrain_model", "update_features", "adjust_thresholds"],
            "performance_degradation": ["increase_monitoring", "rollback_model", "retrain_model"],
            "data_quality": ["pause_predictions", "alert_data_team", "use_backup_model"],
        },
    }
    assert create_intelligent_response_workflow(CHURN, default_response_config()).policy == ModelPolicy()


def test_every_threshold_of_the_configuration_is_read():
    config = default_response_config()
    config["thresholds"]["auto_remediation"] = {"risk_score": 40, "confidence": 0.9}
    config["thresholds"]["emergency_response"]["critical_feature_drift"] = 0.3
    workflow = create_intelligent_response_workflow(CHURN, config)
    facts = Facts(mode=Mode.AUTO)
    assert workflow.run(windows(39.9, 39.9), facts, now=100 * DAY).plan is None
    held = workflow.run(windows(45.0, 45.0, confidence=0.85), facts, now=100 * DAY).plan
    assert held is not None
    assert held.reason == "evidence: confidence 0.85 is below 0.90"
    drifted = workflow.run(windows(45.0, 45.0, feature_psi={"temp": 0.3}), facts, now=100 * DAY)
    assert drifted.level is Level.EMERGENCY
    assert workflow.as_dict()["tasks"][2]["condition_task"]["right"] == "40"


def test_a_wrong_configuration_is_refused_with_the_field():
    with pytest.raises(InvalidAlertingConfig, match=r"remediation_actions\.feature_drift\[0\].*'reboot' is not known"):
        create_intelligent_response_workflow(CHURN, {"remediation_actions": {"feature_drift": ["reboot"]}})


def test_a_run_recommends_the_first_action_and_tells_a_step_each():
    found = create_intelligent_response_workflow(CHURN).run(windows(45.0, 45.0), Facts(mode=Mode.AUTO), now=100 * DAY)
    assert found.plan is not None
    assert found.plan.state is State.APPROVED
    assert [step.step for step in found.steps] == ["assess_monitoring_state", "evaluate_risk", "decision_matrix"]
    assert {step.risk_model_version for step in found.steps} == {"v2.1"}
    assert found.steps[0].details["recommended_action"] == "retrain_model"
    assert len(found.steps[2].guards) == 11
    assert found.level is None


def test_people_are_called_whatever_becomes_of_the_remediation():
    found = create_intelligent_response_workflow(CHURN).run(windows(65.0, 65.0, n=5), Facts(mode=Mode.AUTO), now=100 * DAY)
    assert found.plan is not None
    assert found.plan.state is State.VETOED
    assert found.level is Level.HUMAN


def test_the_next_run_is_at_the_next_sixth_hour():
    assert next_scheduled(DAY) == DAY + 6 * HOUR
    assert next_scheduled(DAY + 6 * HOUR - 1) == DAY + 6 * HOUR


class Outside:
    """Takes commands and tells people."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.commands = []
        self.told = []

    def send(self, command):
        if self.broken:
            raise OSError("no route")
        self.commands.append(command)

    def notify(self, emergency, channels, priority):
        self.told.append((emergency.title, channels, priority))


def emergency(risk=95.0, **changes):
    """The seeds' own example."""
    values = {
        "model_id": CHURN,
        "model_version": "2",
        "risk_score": risk,
        "title": "Model serving error rate > 50%, immediate intervention required",
        "last_good": "1",
        "now": 1_362_182_400_000_000,
    }
    return Emergency(**{**values, **changes})


BOUND = ModelPolicy(endpoint="churn")


def respond(outside, made=None, policy=BOUND):
    return execute_emergency_response(made or emergency(), policy, send=outside.send, notify=outside.notify)


def test_an_emergency_pauses_serving_activates_the_backup_tells_and_escalates():
    outside = Outside()
    done = respond(outside)
    assert [(one["action"], one["status"]) for one in done] == [
        ("pause_serving", "success"),
        ("activate_backup", "success"),
        ("notify", "sent"),
        ("emergency_escalation", "triggered"),
    ]
    paused, backup = outside.commands
    assert (paused.paused, paused.traffic, paused.endpoint) == (True, {}, "churn")
    assert (backup.paused, backup.traffic, backup.model_version) == (False, {"1": 1.0}, "1")
    assert paused.idempotency_key != backup.idempotency_key
    assert outside.told == [(emergency().title, ("pagerduty", "slack", "teams"), "critical")]
    called = done[-1]
    assert (called["escalation_level"], called["required_response_time"]) == ("EMERGENCY", "15 minutes")
    assert called["escalation_contacts"] == ["ml-lead", "cto", "data-engineering-lead"]
    assert called["due_at"] == emergency().now + 900_000_000


def test_two_escalations_of_one_second_have_names_of_their_own():
    first, second = (respond(Outside(), emergency(model_version=version))[-1]["escalation_id"] for version in "12")
    assert re.fullmatch(r"ESC-20130302-000000-[0-9a-f]{8}", first)
    assert first != second


def test_below_the_pause_threshold_people_are_told_and_nothing_is_paused():
    outside = Outside()
    assert [one["action"] for one in respond(outside, emergency(89.99))] == ["notify", "emergency_escalation"]
    assert outside.commands == []


def test_without_an_endpoint_of_its_own_no_other_model_is_paused():
    outside = Outside()
    done = respond(outside, policy=ModelPolicy())
    assert [one["status"] for one in done[:2]] == ["no_endpoint_found", "no_endpoint_found"]
    assert outside.commands == []


def test_a_backup_that_does_not_exist_is_not_said_to_be_active():
    done = respond(Outside(), emergency(last_good=None))
    assert (done[1]["status"], done[1]["error"]) == ("error", "no approved version to go back to")


def test_a_failing_action_is_reported_and_people_are_told_all_the_same():
    outside = Outside(broken=True)
    done = respond(outside)
    assert [(one["status"], one.get("error")) for one in done[:2]] == [("error", "no route")] * 2
    assert outside.told
    assert done[-1]["status"] == "triggered"


def test_the_example_is_in_the_band_that_pauses():
    assert BOUND.thresholds.band(95.0) is Band.PAUSE
