"""Whoever changes what the response may do is told of, people and the automation itself."""

from driftline.alerting.response.plan import AUTOMATION
from driftline.alerting.response.policy import Limits, Mode
from driftline.events import ResponseModeChanged
from services.alerting.jobs.housekeeper import Housekeeper
from services.alerting.store.response import plans
from tests.unit.alerting.response.builders import DAY, MODEL, policy


def changes(house):
    house.publish()
    found = [one for one in house.told if isinstance(one, ResponseModeChanged)]
    return [(one.model_id, one.from_mode, one.to_mode, one.actor, one.reason) for one in found]


def drift(house, *risks):
    for risk in risks:
        house.window(risk)
        house.work(1)


def test_a_person_who_changes_a_mode_is_named_with_the_reason(house) -> None:
    house.people.set_mode(MODEL, Mode.SHADOW, "ada", "looks odd")
    house.people.set_mode(MODEL, Mode.SHADOW, "bob", "the same again is no change")
    house.people.set_mode(MODEL, None, "ada", "as the policy says")
    assert changes(house) == [
        (MODEL, "auto", "shadow", "ada", "looks odd"),
        (MODEL, "shadow", "auto", "ada", "as the policy says"),
    ]
    assert {one.at for one in house.told if isinstance(one, ResponseModeChanged)} == {house.clock.now_us()}


def test_a_stop_of_everything_and_its_end_are_told(house) -> None:
    house.people.set_mode("*", Mode.OFF, "ada", "fire")
    house.people.set_mode("*", None, "ada", "out")
    assert changes(house) == [("*", "", "off", "ada", "fire"), ("*", "off", "", "ada", "out")]


def test_automation_that_switches_itself_off_is_told_and_who_switches_it_on_again(make_house) -> None:
    house = make_house(policy(limits=Limits(per_model_day=10)))
    drift(house, *[45] * 8)
    ((_, before, after, actor, reason),) = changes(house)
    assert (before, after, actor) == ("auto", "switched_off", AUTOMATION)
    assert reason.startswith("3 plans in 24 hours")
    house.people.set_mode(MODEL, Mode.AUTO, "ada", "mended")
    assert changes(house)[1:] == [(MODEL, "switched_off", "auto", "ada", "mended")]


def test_plans_that_are_long_over_leave_the_database_and_open_ones_stay(make_house) -> None:
    house = make_house(policy(limits=Limits(per_model_day=10)))
    drift(house, *[45] * 5)
    with house.database.read() as tx:
        made = plans.page(tx, filters={}, limit=100, offset=0)
        ended = [plan.plan_id for plan in made if plan.state.over]
    assert 0 < len(ended) < len(made)
    house.clock.advance(89 * DAY)
    Housekeeper(house.database, house.clock, history_days=90).run_once(lambda: None)
    assert count(house) == len(made)
    house.clock.advance(2 * DAY)
    Housekeeper(house.database, house.clock, history_days=90).run_once(lambda: None)
    assert count(house) == len(made) - len(ended)
    with house.database.read() as tx:
        assert plans.history_of(tx, ended[0]) == []


def count(house) -> int:
    with house.database.read() as tx:
        return len(plans.page(tx, filters={}, limit=100, offset=0))
