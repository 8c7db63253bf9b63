import pytest

from driftline.alerting.alert import Priority
from driftline.alerting.config import default_routing
from driftline.alerting.intake import Fired, receive
from driftline.alerting.response.plan import NotAllowed, NotNow
from driftline.alerting.response.policy import Limits, Mode, ResponsePolicy, Thresholds
from driftline.events import Decision, HealthOpened, Measure, Stage
from tests.unit.alerting.response.builders import HOUR, MODEL, policy
from tests.unit.services.alerting.response.house import House, shadow

BAD = Measure(family="performance", name="accuracy", value=0.5, limit=0.6, violated=True)
LABELLED = {"decision": Decision.PERFORMANCE, "measures": (BAD,), "label_coverage": 1.0}
AGREE = (
    Measure(family="feature", name="psi", column="temp", value=0.3, limit=0.25, violated=True),
    Measure(family="prediction", name="psi", column="p", value=0.3, limit=0.25, violated=True),
)


def drift(house: House, *risks: float) -> None:
    for risk in risks:
        house.window(risk)
        house.work()


def test_a_plan_is_made_executed_verified_and_documented(house):
    drift(house, 45, 45)
    (made,) = house.commands()
    assert (made.request, made.action, made.paused, made.traffic) == ("retrain_model", "retrain_model", False, {})
    assert house.states() == ["proposed", "approved", "executing", "verifying"]
    drift(house, 10, 10)
    assert house.states()[-1] == "effective"
    steps = [step.step for step in house.steps()]
    assert steps[:3] == ["assess_monitoring_state", "evaluate_risk", "decision_matrix"]
    assert steps[-1] == "document_actions"
    last = house.steps()[-1]
    assert len(last.details["record_sha256"]) == 64
    assert last.details["runbook"] == "drift-runbook"
    assert [step.sequence for step in house.steps()] == list(range(1, len(steps) + 1))
    assert last.results[0].status == "success"


def test_one_window_is_no_reason(house):
    drift(house, 85)
    assert house.told == []


def test_shadow_is_the_default_and_has_no_effect_at_all(make_house):
    house = make_house(shadow())
    drift(house, 95, 95, 95, 95)
    assert house.states() == ["proposed", "shadowed"]
    assert house.steps()[-1].results[0].status == "would_have_done"
    assert house.commands() == []
    assert house.called() == []
    assert house.way.sent == []


def test_mode_off_plans_nothing(make_house):
    house = make_house(policy(Mode.OFF))
    drift(house, 95, 95)
    assert house.told == []


def test_an_action_without_effect_is_followed_by_the_next_and_three_of_them_switch_automation_off(make_house):
    house = make_house(policy(limits=Limits(per_model_day=10)))
    drift(house, *[45] * 8)
    assert [one.request for one in house.commands()] == ["retrain_model", "update_features", "adjust_thresholds"]
    assert house.called() == ["response_switched_off"]
    before = len(house.commands())
    drift(house, 10, 10, 45, 45, 45)
    assert len(house.commands()) == before
    assert house.steps()[-1].reason.startswith("kill_switch: automation is switched off: 3 plans in 24 hours")
    house.people.set_mode(MODEL, Mode.AUTO, "ada", "mended")
    house.work()
    assert house.called() == []


def test_without_windows_a_plan_is_ineffective(house):
    drift(house, 45, 45)
    house.work(3 * 86_400 + 86_399)
    assert house.states()[-1] == "verifying"
    house.work(1)
    assert "ineffective" in house.states()
    assert any(step.reason == "0 of 2 windows came; no data is no pass" for step in house.steps())
    assert len(house.commands()) == 1, "old evidence is no reason for the next action"


def test_performance_is_judged_on_windows_with_outcomes(house):
    house.window(45, **LABELLED)
    house.window(45, **LABELLED)
    house.work()
    assert house.commands()[-1].request == "increase_monitoring"
    drift(house, 10, 10, 10)
    assert house.states()[-1] == "verifying"
    for day in (12, 13):
        house.window(10, day=day, revision=2, decision=Decision.PERFORMANCE, measures=())
        house.work()
    assert house.states()[-1] == "effective"


def test_an_emergency_moves_the_traffic_to_the_last_good_version(house):
    house.promote("1", at=1)
    house.promote("2", at=2)
    house.promote("1", Stage.STAGING, at=2)
    house.window(95, measures=AGREE)
    house.work()
    paused, backup = house.commands()
    assert (paused.revision, paused.paused, paused.traffic) == (1, True, {})
    assert (backup.revision, backup.paused, backup.traffic, backup.endpoint) == (2, False, {"1": 1.0}, "flights-delay")
    assert house.called() == ["response_emergency"]
    house.window(10, version="1")
    house.window(10, version="1")
    house.work()
    assert house.states()[-1] == "verifying", "nobody has said that it serves"
    house.obey()
    house.work()
    assert house.states()[-1] == "effective"
    assert house.called() == []


def test_a_version_that_is_retired_or_never_served_is_nothing_to_go_back_to(house):
    house.promote("0", at=1)
    house.promote("0", Stage.ARCHIVED, at=2)
    house.promote("1", Stage.STAGING, at=3)
    drift(house, 95, 95)
    assert [one.model_version for one in house.commands() if one.request is None] == []
    assert [one.request for one in house.commands()] == ["retrain_model"], "what else helps is done"


def test_a_pause_without_fallback_counts_once_the_adapter_confirms_it(make_house):
    house = make_house(policy(accept_no_fallback=True))
    drift(house, 95, 95)
    assert [(one.paused, one.traffic) for one in house.commands()] == [(True, {})]
    assert house.states()[-1] == "verifying"
    house.obey()
    house.work()
    assert house.states()[-1] == "effective"
    house.people.release(MODEL, "ada", "mended")
    house.publish()
    assert (house.commands()[-1].paused, house.commands()[-1].actor, house.commands()[-1].revision) == (False, "ada", 2)
    with pytest.raises(NotNow):
        house.people.release(MODEL, "ada", "again")


def test_a_rollback_is_the_first_remedy_of_an_emergency(house):
    house.promote("1", at=1)
    house.window(85, **LABELLED)
    house.window(85, **LABELLED)
    house.work()
    (made,) = house.commands()
    assert (made.action, made.model_version, made.traffic) == ("rollback_model", "1", {"1": 1.0})


def test_people_are_called_although_nothing_can_be_done(house):
    house.window(65, n=5)
    house.window(65, n=5)
    house.work()
    assert house.states() == ["proposed", "vetoed"]
    assert house.called() == ["response_needed"]
    drift(house, 10)
    assert house.called() == []


def test_an_emergency_that_nobody_acknowledges_within_fifteen_minutes_is_told_again_once(house):
    drift(house, 85, 85)
    assert house.called() == ["response_emergency"]
    opened = next(one for one in house.told if isinstance(one, HealthOpened))
    assert (opened.severity, opened.subject) == ("CRITICAL", MODEL)
    assert "ml-lead, cto, data-engineering-lead" in opened.detail
    house.work(899)
    assert house.called() == ["response_emergency"]
    house.restart()
    house.work(1)
    house.work(1000)
    assert house.called() == ["response_emergency", "response_unanswered"]


def test_bad_input_is_told_to_the_data_team_and_the_model_is_not_blamed(house):
    quality = Measure(family="quality", name="null_rate_delta", column="temp", value=0.5, limit=0.05, violated=True)
    for _ in range(2):
        house.window(45, measures=(quality,))
    house.work()
    assert house.called() == ["response_data_team"]
    assert house.commands() == []
    assert house.states()[-1] == "verifying"


class TestApproval:
    @pytest.fixture
    def waiting(self, make_house):
        house = make_house(policy(Mode.APPROVE))
        drift(house, 45, 45)
        assert house.states()[-1] == "awaiting_approval"
        assert house.called() == ["response_approval_wanted"]
        return house

    def plan(self, house):
        return house.steps()[-1].plan_id

    def test_an_approved_plan_is_executed(self, waiting):
        waiting.people.approve(self.plan(waiting), "ada", "go on")
        waiting.work()
        assert [one.actor for one in waiting.commands()] == ["ada"]
        approved = next(step for step in waiting.steps() if step.state == "approved")
        assert (approved.actor, approved.reason) == ("ada", "approved by ada: go on")
        assert waiting.called() == []

    def test_a_rejected_plan_is_not_executed_nor_asked_for_again(self, waiting):
        waiting.people.reject(self.plan(waiting), "ada", "no")
        drift(waiting, 45)
        assert waiting.commands() == []
        assert "rejected" in waiting.states()
        assert waiting.steps()[-1].results[0].action == "update_features"

    def test_a_timeout_calls_people_and_never_executes(self, waiting):
        plan = self.plan(waiting)
        waiting.work(1799)
        assert waiting.states()[-1] == "awaiting_approval"
        waiting.work(1)
        assert waiting.states()[-1] == "expired"
        assert waiting.called() == ["response_approval_expired"]
        with pytest.raises(NotNow, match="the plan is expired"):
            waiting.people.approve(plan, "ada", "late")
        waiting.work(10_000)
        assert waiting.commands() == []

    def test_an_approval_that_comes_at_the_timeout_is_too_late(self, waiting):
        waiting.clock.advance(1_800_000_000)
        with pytest.raises(NotNow, match="the plan is expired"):
            waiting.people.approve(self.plan(waiting), "ada", "late")
        waiting.work()
        assert waiting.commands() == []
        assert waiting.called() == ["response_approval_expired"]

    def test_automation_does_not_approve_itself(self, waiting):
        with pytest.raises(NotAllowed):
            waiting.people.approve(self.plan(waiting), "driftline", "me")
        waiting.work()
        assert waiting.commands() == []

    def test_guards_are_asked_again_when_it_is_approved(self, waiting):
        waiting.rules = ResponsePolicy(kill_switch=True, models=waiting.rules.models)
        waiting.people.approve(self.plan(waiting), "ada", "go on")
        waiting.work()
        assert waiting.commands() == []
        assert waiting.states()[-1] == "vetoed"

    def test_nobody_knows_a_plan_that_does_not_exist(self, waiting):
        with pytest.raises(LookupError):
            waiting.people.approve("rsp_none", "ada", "go on")


def test_what_grows_into_an_emergency_overtakes_the_lesser_plan(make_house):
    house = make_house(policy(accept_no_fallback=True))
    drift(house, 45, 45)
    house.window(95, measures=AGREE)
    house.work()
    states = house.states()
    assert states[states.index("verifying") + 1] == "ineffective"
    assert house.commands()[-1].paused
    assert house.steps()[-1].state == "verifying"


def test_a_stop_of_everything_holds_every_model(house):
    house.people.set_mode("*", Mode.OFF, "ada", "fire in the data centre")
    drift(house, 45, 45)
    assert house.commands() == []
    assert "fire in the data centre" in house.steps()[-2].reason
    house.people.set_mode("*", None, "ada", "out")
    drift(house, 45)
    assert len(house.commands()) == 1


def test_the_cool_down_and_the_budget_hold_over_incidents(house):
    drift(house, 45, 45, 10, 10)
    assert house.states()[-1] == "effective"
    drift(house, 45, 45)
    assert [one.request for one in house.commands()] == ["retrain_model", "update_features"], "retraining cools down"
    assert any(step.reason.startswith("cool_down") for step in house.steps()) is False


def test_a_restart_repeats_nothing(house):
    drift(house, 45, 45)
    told = len(house.told)
    for _ in range(3):
        house.restart()
        house.work()
    assert len(house.told) == told


def test_a_record_that_is_read_twice_changes_nothing(house):
    for _ in range(2):
        house.window(45, day=10)
        house.window(45, day=11)
        house.work()
    assert len(house.commands()) == 1


def test_the_schedule_looks_at_everything_every_six_hours(make_house):
    house = make_house(policy(limits=Limits(min_samples=1_000)))
    drift(house, 45, 45)
    assert house.commands() == []
    house.rules = policy()
    house.work(6 * HOUR / 1_000_000 - 1)
    assert house.commands() == [], "nothing was new"
    house.work(1)
    assert len(house.commands()) == 1


def test_a_person_rolls_back_and_hands_back(house):
    with pytest.raises(NotNow, match="no approved version"):
        house.people.roll_back(MODEL, "ada", "complaints")
    house.promote("1", at=1)
    house.promote("2", at=2)
    house.people.roll_back(MODEL, "ada", "complaints")
    house.publish()
    made = house.commands()[-1]
    assert (made.action, made.traffic, made.actor, made.endpoint) == ("rollback_model", {"1": 1.0}, "ada", "flights-delay")
    house.people.release(MODEL, "ada", "mended")
    house.publish()
    assert (house.commands()[-1].revision, house.commands()[-1].traffic) == (2, {})


def test_external_factors_and_business_metrics_are_part_of_the_evidence(house):
    house.rules = policy(limits=Limits(min_samples=1))
    cost = Measure(family="business", name="revenue_at_risk", value=60_000.0)
    for _ in range(2):
        house.window(35, measures=(*AGREE, cost))
    house.work()
    first = house.steps()[0]
    assert first.details["business_impact"] == "60000.00"
    assert first.risk_model_version == "v2.1"
    assert house.called() == ["response_needed"]


def test_people_are_told_above_fifty_and_of_an_emergency_above_eighty_where_the_policy_says_so(house):
    house.rules = policy(thresholds=Thresholds(human_risk=50.0))
    drift(house, 51, 51)
    assert house.called() == ["response_needed"]
    opened = next(one for one in house.told if isinstance(one, HealthOpened))
    assert opened.severity == "HIGH", "which has the priority high"
    drift(house, 81, 81)
    assert house.called() == ["response_needed", "response_emergency"]


def test_an_emergency_goes_to_the_channels_of_emergencies_with_priority_critical(house):
    drift(house, 85, 85)
    opened = next(one for one in house.told if isinstance(one, HealthOpened))
    found = receive(opened, None, event_id="e", now=1)
    assert isinstance(found, Fired)
    assert found.alert.priority is Priority.CRITICAL
    routing = default_routing(webhook=False)
    (route,) = routing.root.match(found.alert.routing_labels)
    assert {channel.kind for channel in routing.receivers[route.receiver].channels} >= {"pagerduty", "slack", "teams"}
