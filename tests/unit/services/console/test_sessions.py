from driftline.clock import ManualClock
from driftline.runtime.tokens import Actor
from services.console.api.sessions import LINK_US, SESSION_US, Sessions

VERA = Actor("vera", frozenset({"viewer"}), "1")


def test_a_session_lasts_its_time():
    clock = ManualClock()
    sessions = Sessions(clock)
    cookie = sessions.begin(VERA)
    assert sessions.actor(cookie) == VERA
    clock.advance(SESSION_US - 1)
    assert sessions.actor(cookie) == VERA
    clock.advance(1)
    assert sessions.actor(cookie) is None


def test_a_link_lets_in_once_and_not_for_long():
    clock = ManualClock()
    sessions = Sessions(clock)
    once, late = sessions.link(VERA), sessions.link(VERA)
    assert sessions.redeem(once) == VERA
    assert sessions.redeem(once) is None
    clock.advance(LINK_US)
    assert sessions.redeem(late) is None


def test_a_link_is_no_cookie_and_a_cookie_no_link():
    sessions = Sessions(ManualClock())
    assert sessions.actor(sessions.link(VERA)) is None
    assert sessions.redeem(sessions.begin(VERA)) is None


def test_who_logs_out_is_out():
    sessions = Sessions(ManualClock())
    cookie = sessions.begin(VERA)
    sessions.end(cookie)
    assert sessions.actor(cookie) is None
    assert sessions.actor(None) is None
    assert sessions.actor("guess") is None
