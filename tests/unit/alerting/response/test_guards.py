import pytest

from driftline.alerting.response.actions import Action
from driftline.alerting.response.guards import GUARDS, Deed, first_held, judge_all
from driftline.alerting.response.policy import Limits, Mode
from tests.unit.alerting.response.builders import DAY, HOUR, MODEL, policy, situation, windows

RETRAIN, ROLLBACK, PAUSE = Action.RETRAIN_MODEL, Action.ROLLBACK_MODEL, Action.PAUSE_PREDICTIONS
NOW = 100 * DAY + HOUR
WORSE = {"performance": {"accuracy": 0.6}, "performance_limits": {"accuracy": 0.7}}


def held(*actions, **changes):
    """The guard that decides, and all that hold it back."""
    verdicts = judge_all(situation(*actions, **changes))
    first = first_held(verdicts)
    return first.guard if first else None, {one.guard for one in verdicts if not one.passed}


def deed(action=RETRAIN, ago=HOUR, model=MODEL, **more):
    return Deed(model_id=model, action=action, at=NOW - ago, **more)


def test_eleven_guards_are_asked_in_their_order_and_every_verdict_is_kept():
    verdicts = judge_all(situation())
    assert [one.guard for one in verdicts] == list(GUARDS) == [
        "kill_switch", "mode", "evidence", "cause", "maintenance", "target_lock",
        "cool_down", "budget", "blast_radius", "precondition", "approval",
    ]  # fmt: skip
    assert all(one.passed and one.reason for one in verdicts)


def test_the_kill_switch_stops_all_and_comes_first():
    stopped = policy()
    stopped = type(stopped)(kill_switch=True, models=stopped.models)
    assert held(of=stopped, mode=Mode.OFF)[0] == "kill_switch"
    assert held(switched_off="3 plans in 24 hours failed or did not help")[0] == "kill_switch"


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.SHADOW])
def test_the_mode_holds_back(mode):
    assert held(mode=mode) == ("mode", {"mode"})


def test_evidence_needs_enough_rows():
    assert held(seen=windows(95.0, 95.0, n=199))[0] == "evidence"
    assert held(seen=windows(95.0, 95.0, n=200))[0] is None


def test_evidence_must_be_younger_than_two_windows():
    assert held(newest_end=14 * DAY - 1)[0] is None
    assert held(newest_end=14 * DAY)[0] == "evidence"
    assert held(now=102 * DAY - 1)[0] is None
    assert held(now=102 * DAY)[0] == "evidence"


def test_evidence_must_be_sure_enough():
    assert held(seen=windows(95.0, 95.0, confidence=0.79))[0] == "evidence"
    assert held(seen=windows(95.0, 95.0, confidence=0.8))[0] is None


def test_bad_input_is_no_bad_model():
    assert held(RETRAIN, bad_input=("stalled_partition",))[0] == "cause"
    assert held(ROLLBACK, seen=windows(95.0, 95.0, **WORSE), bad_input=("null rates",))[0] == "cause"
    assert held(Action.ALERT_DATA_TEAM, bad_input=("null rates",))[0] is None
    assert held(PAUSE, bad_input=("null rates",))[0] is None


def test_a_model_under_maintenance_is_left_alone():
    assert held(silenced_by=("s1",))[0] == "maintenance"


def test_one_plan_of_a_model_at_a_time():
    assert held(running="rsp_1")[0] == "target_lock"


def test_the_same_action_waits_for_its_cool_down():
    assert held(deeds=(deed(ago=6 * HOUR - 1),))[0] == "cool_down"
    assert held(deeds=(deed(ago=6 * HOUR),))[0] is None
    assert held(deeds=(deed(Action.UPDATE_FEATURES),))[0] is None
    assert held(deeds=(deed(model="nyc.other"),))[0] is None


def test_a_model_has_a_budget_for_the_day():
    three = tuple(deed(action, ago=7 * HOUR) for action in (RETRAIN, ROLLBACK, PAUSE))
    assert held(deeds=three)[0] == "budget"
    assert held(deeds=three[:2])[0] is None
    assert held(PAUSE, Action.USE_BACKUP_MODEL, deeds=three[:2])[0] == "budget"


def test_a_tenant_has_a_budget_for_the_hour():
    others = tuple(deed(model=f"nyc.m{number}", ago=HOUR - 1) for number in range(10))
    assert held(deeds=others)[0] == "budget"
    assert held(deeds=others[:9])[0] is None


def test_only_so_many_models_are_paused_or_rolled_back_at_once():
    assert held(PAUSE, affected=frozenset({"nyc.a", "nyc.b", "nyc.c"}))[0] == "blast_radius"
    assert held(PAUSE, affected=frozenset({"nyc.a", "nyc.b", MODEL}))[0] is None
    assert held(RETRAIN, affected=frozenset({"nyc.a", "nyc.b", "nyc.c"}))[0] is None
    assert held(PAUSE, of=policy(limits=Limits(models_at_once=0)))[0] == "blast_radius"


def test_serving_is_changed_only_at_an_endpoint_that_is_bound_by_name():
    assert held(PAUSE, of=policy(endpoint=None))[0] == "precondition"
    assert held(RETRAIN, of=policy(endpoint=None))[0] is None


def test_a_pause_needs_something_to_fall_back_on_or_consent():
    assert held(PAUSE, last_good=None)[0] == "precondition"
    assert held(PAUSE, last_good=None, of=policy(accept_no_fallback=True))[0] is None


def test_a_rollback_needs_an_approved_version_that_differs():
    seen = windows(95.0, 95.0, **WORSE)
    assert held(ROLLBACK, seen=seen)[0] is None
    assert held(ROLLBACK, seen=seen, last_good=None, of=policy(accept_no_fallback=True))[0] == "precondition"
    assert held(ROLLBACK, seen=seen, last_good="2")[0] == "precondition"


@pytest.mark.parametrize(("accuracy", "allowed"), [(0.70, False), (0.6901, False), (0.6899, True)])
def test_a_rollback_needs_a_version_that_is_worse(accuracy, allowed):
    """Errors are to rise by 0.01, or performance to fall by 0.02 of 0.70."""
    seen = windows(95.0, 95.0, performance={"accuracy": accuracy}, performance_limits={"accuracy": 0.70})
    assert (held(ROLLBACK, seen=seen)[0] is None) is allowed


def test_performance_that_falls_by_two_percent_suffices():
    for f1, allowed in ((0.589, False), (0.587, True)):
        seen = windows(95.0, 95.0, performance={"f1": f1}, performance_limits={"f1": 0.6})
        assert (held(ROLLBACK, seen=seen)[0] is None) is allowed


def test_a_rollback_is_not_rolled_back_within_the_cool_down():
    seen = windows(95.0, 95.0, **WORSE)
    before = Deed(model_id=MODEL, action=Action.USE_BACKUP_MODEL, at=NOW - HOUR, target_version="2", from_version="1")
    assert held(ROLLBACK, seen=seen, deeds=(before,))[0] == "precondition"


def test_a_person_approves_where_the_mode_or_the_policy_says_so():
    assert held(mode=Mode.APPROVE)[0] == "approval"
    assert held(mode=Mode.APPROVE, approved_by="ada")[0] is None
    reserved = policy(approval_required=frozenset({RETRAIN}))
    assert held(of=reserved)[0] == "approval"
    assert held(Action.UPDATE_FEATURES, of=reserved)[0] is None
