"""Holds and retention, folded from statements."""

import pytest

from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.keeping import (
    DAY_US,
    HOLD,
    RELEASE,
    RETENTION,
    Fact,
    Keeping,
    Policy,
    Scope,
    Statement,
    keeping_of,
    statement_draft,
)

FACT = Fact(7, 100 * DAY_US, "alert.fired", "user:ab", "alert", "a-1", "alerts")


def said(seq: int, action: str, name: str, what: Scope | Policy | None) -> Statement:
    draft = statement_draft(action, name, what, actor="c", reason="because", entry_id=bytes(16), salt=bytes(32))
    return Statement(seq, draft.action, draft.resource_id, draft.payload)


def test_a_hold_is_in_force_until_its_release() -> None:
    statements = [said(1, HOLD, "a", Scope()), said(2, HOLD, "b", Scope(topic="alerts")), said(3, RELEASE, "a", None)]
    keeping = keeping_of(statements)
    assert [(h.name, h.seq, h.scope, h.reason) for h in keeping.holds] == [("b", 2, Scope(topic="alerts"), "because")]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), True),
        (Scope(actor="user:ab"), True),
        (Scope(actor="user:cd"), False),
        (Scope(resource=("alert", "a-1")), True),
        (Scope(resource=("alert", "a-2")), False),
        (Scope(topic="alerts"), True),
        (Scope(topic="labels"), False),
        (Scope(since=100 * DAY_US), True),
        (Scope(since=100 * DAY_US + 1), False),
        (Scope(until=100 * DAY_US), False),
        (Scope(until=100 * DAY_US + 1), True),
        (Scope(actor="user:ab", topic="labels"), False),
    ],
)
def test_a_hold_is_about_what_fits_all_of_its_scope(scope: Scope, covered: bool) -> None:
    assert keeping_of([said(1, HOLD, "a", scope)]).holds[0].scope.covers(FACT) is covered


def test_the_newest_policy_of_a_topic_is_in_force_and_the_star_is_for_all_others() -> None:
    keeping = keeping_of(
        [
            said(1, RETENTION, "alerts", Policy(keep_days=5)),
            said(2, RETENTION, "*", Policy(expire_days=9)),
            said(3, RETENTION, "alerts", Policy(keep_days=6, archive_days=1)),
        ]
    )
    assert keeping.policy("alerts") == Policy(keep_days=6, archive_days=1)
    assert keeping.policy("labels") == keeping.policy(None) == Policy(expire_days=9)
    assert Keeping((), {}).policy("x") == Policy()


def test_bounds_are_days_since_the_entry() -> None:
    keeping = keeping_of([said(1, RETENTION, "*", Policy(keep_days=10, archive_days=20, expire_days=30))])
    days = {day: FACT.ts + day * DAY_US for day in (9, 10, 19, 20, 29, 30)}
    assert [keeping.kept(FACT, days[day]) for day in (9, 10)] == [True, False]
    assert [keeping.archivable(FACT, days[day]) for day in (19, 20)] == [False, True]
    assert [keeping.expired(FACT, days[day]) for day in (29, 30)] == [False, True]
    contradictory = keeping_of([said(1, RETENTION, "*", Policy(keep_days=50, expire_days=30))])
    assert not contradictory.expired(FACT, days[30])


@pytest.mark.parametrize("payload", [None, b"", b"{}", b"[]", b'{"resource":5}', 7])
def test_a_statement_that_cannot_be_read_keeps_everything(payload: object) -> None:
    with pytest.raises(WithdrawalRefused, match="cannot be read"):
        keeping_of([Statement(1, HOLD, "a", payload)]).refuse([FACT], 10**17)
    with pytest.raises(WithdrawalRefused, match="kept for"):
        keeping_of([Statement(1, RETENTION, "*", payload)]).refuse([FACT], 10**17)
