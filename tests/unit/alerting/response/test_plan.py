from dataclasses import replace
from itertools import product

import pytest

from driftline.alerting.response.actions import Action
from driftline.alerting.response.deciding import decide, propose
from driftline.alerting.response.plan import STEPS, NotAllowed, State, approve, idempotency_key, move, recorded
from driftline.alerting.response.plan import Step as Task
from driftline.alerting.response.policy import Mode
from driftline.alerting.response.record import Line, as_json, as_markdown, digest
from tests.unit.alerting.response.builders import MODEL, situation


@pytest.fixture
def plan():
    return propose(situation(), incident_id="inc_1", attempt=1)


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_the_steps_that_exist_can_be_taken(plan, before, after):
    here = replace(plan, state=before)
    if after in STEPS[before]:
        assert move(here, after, reason="r").state is after
    else:
        with pytest.raises(NotAllowed):
            move(here, after, reason="r")


def test_nothing_is_executed_that_was_not_approved():
    before = {state for state, after in STEPS.items() if State.EXECUTING in after}
    assert before == {State.APPROVED}
    assert State.APPROVED not in STEPS[State.EXPIRED] | STEPS[State.REJECTED]


def test_who_asked_for_it_does_not_approve_it(plan):
    waiting = replace(plan, state=State.AWAITING_APPROVAL, requested_by="ada")
    with pytest.raises(NotAllowed, match="ada asked for it"):
        approve(waiting, "ada")
    assert approve(waiting, "grace").approved_by == "grace"


def test_the_key_of_an_effect_is_its_own_and_stays():
    given = (Action.ROLLBACK_MODEL, MODEL, "2", "inc_1", 1)
    others = [(Action.RETRAIN_MODEL, *given[1:]), (*given[:1], "m", *given[2:]), (*given[:2], "3", *given[3:])]
    others += [(*given[:3], "inc_2", 1), (*given[:4], 2)]
    assert idempotency_key(*given) == idempotency_key(*given)
    assert len({idempotency_key(*one) for one in (given, *others)}) == 6


def test_the_same_plan_is_made_twice(plan):
    assert propose(situation(), incident_id="inc_1", attempt=1) == plan
    assert propose(situation(), incident_id="inc_1", attempt=2).plan_id != plan.plan_id


def test_in_shadow_every_guard_is_asked_and_nothing_is_begun():
    found = situation(mode=Mode.SHADOW)
    shadowed = decide(propose(found, incident_id="inc_1", attempt=1), found)
    assert shadowed.state is State.SHADOWED
    assert len(shadowed.guards) == 11
    assert {one.status for one in shadowed.results} == {"would_have_done"}


def test_every_step_has_the_next_number(plan):
    first, event = recorded(plan, Task.ASSESS, actor="driftline", now=5)
    second, later = recorded(first, Task.DECIDE, actor="driftline", now=6, more={"a": "b"})
    assert (event.sequence, later.sequence, second.sequence) == (1, 2, 2)
    assert later.details["a"] == "b"


def test_the_record_is_a_function_of_the_plan_and_texts_cannot_break_it(plan):
    hostile = replace(plan, reason="x | y\n# head [link](http://evil) <script>")
    history = [Line(at=1, step="decision_matrix", state="vetoed", actor="driftline", reason="a|b")]
    text = as_markdown(hostile, history)
    assert "x \\| y # head \\[link\\](http://evil) \\<script\\>" in text
    assert all(line.count("|") - line.count("\\|") in (0, 3, 4, 6) for line in text.splitlines())
    assert digest(hostile, history) == digest(hostile, list(history)) != digest(plan, history)
    assert as_json(plan, history)["history"][0]["at"] == "1970-01-01T00:00:00.000Z"
