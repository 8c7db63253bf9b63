"""A new configuration while the service works: nothing is lost, nothing is sent twice, a bad one changes nothing."""

import threading

import pytest

from driftline.alerting.delivery import Delivered
from driftline.alerting.routing import ChannelSpec
from driftline.errors import ConfigurationError
from driftline.runtime.health import Health
from services.alerting.adapters.plan import Plan, PlanInForce
from services.alerting.api.operations import operation_routes
from services.alerting.jobs.reloader import Reloader
from services.alerting.jobs.senders import Senders
from tests.unit.alerting.builders import detected
from tests.unit.services.alerting.bench_of_parts import FakeChannel, one_route

WAIT = 10


class Slow(FakeChannel):
    """Takes a message and answers when it is let."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.taken, self.let = threading.Event(), threading.Event()

    def _answer(self, _message):
        self.taken.set()
        assert self.let.wait(WAIT)
        return Delivered(200)


@pytest.fixture
def senders(parts):
    made = Senders(
        parts.in_force,
        lambda channel, options: parts.sender(options.name, channel=channel),
        parts.options,
        parts.clock,
        Health(),
    )
    thread = threading.Thread(target=made.run)
    yield made, thread
    made.stop()
    if thread.ident is not None:
        thread.join(WAIT)
    assert not thread.is_alive()


def plan(*kinds, channel):
    specs = [ChannelSpec(kind="webhook", name=kind) for kind in kinds]
    return Plan(one_route(*specs), dict.fromkeys(kinds, channel))


def test_a_message_under_way_is_not_sent_again_by_the_new_configuration(parts, senders) -> None:
    parts.take(detected())
    parts.pass_time(30)
    slow, after = Slow(), FakeChannel()
    parts.in_force.plan = plan("webhook", channel=slow)
    made, thread = senders
    thread.start()
    assert slow.taken.wait(WAIT)
    parts.in_force.plan = plan("webhook", channel=after)
    made.follow()
    made.wake()
    assert not slow.closed
    slow.let.set()
    assert until(lambda: [row.state for row in parts.notifications()] == ["sent"])
    assert (len(slow.sent), len(after.sent)) == (1, 0)
    assert until(lambda: slow.closed)


def test_a_channel_that_is_gone_finishes_what_is_under_way_and_one_that_came_sends(parts, senders) -> None:
    parts.take(detected())
    parts.pass_time(30)
    slow, after = Slow(), FakeChannel()
    parts.in_force.plan = plan("webhook", channel=slow)
    made, thread = senders
    thread.start()
    assert slow.taken.wait(WAIT)
    parts.in_force.plan = plan("other", channel=after)
    made.follow()
    slow.let.set()
    assert until(lambda: [row.state for row in parts.notifications()] == ["sent"])
    parts.pass_time(300)
    parts.take(detected(model_id="b", episode_id="b"))
    parts.pass_time(30)
    made.wake()
    assert until(lambda: len(after.sent) == 1)


def until(holds):
    """Other threads work on it."""
    done = threading.Event()
    for _ in range(WAIT * 100):
        if holds():
            return True
        done.wait(0.01)
    return False


class Files:
    def __init__(self) -> None:
        self.answer: Plan | ConfigurationError = plan("a", channel=FakeChannel())
        self.in_force: list[Plan] = []

    def read(self) -> Plan:
        if isinstance(self.answer, ConfigurationError):
            raise self.answer
        return self.answer


def test_a_bad_file_keeps_the_old_configuration_and_says_why(door) -> None:
    files = Files()
    reloader = Reloader(files.read, files.in_force.append)
    client = door(lambda access: [operation_routes(reloader.reload, access)])
    assert client.send("POST", "/-/reload", role="viewer").status_code == 403
    assert client.send("POST", "/-/reload").json() == {"receivers": ["all"], "channels": ["a"], "warnings": []}
    files.answer = ConfigurationError("alerts.yml:3: route.receiver: 'x' is no receiver")
    answer = client.send("POST", "/-/reload")
    assert answer.status_code == 422
    assert "alerts.yml:3" in answer.json()["detail"]
    assert len(files.in_force) == 1


def test_a_signal_is_enough_and_a_bad_file_does_not_end_the_part() -> None:
    files = Files()
    files.answer = ConfigurationError("bad")
    reloader = Reloader(files.read, files.in_force.append)
    thread = threading.Thread(target=reloader.run)
    thread.start()
    reloader.request()
    files.answer = plan("a", channel=FakeChannel())
    reloader.request()
    assert until(lambda: bool(files.in_force))
    reloader.stop()
    thread.join(WAIT)
    assert not thread.is_alive()


def test_alerts_go_where_the_new_routes_say_and_are_not_told_twice_where_they_were(parts) -> None:
    parts.intake.open_all()
    parts.take(detected())
    parts.pass_time(30)
    parts.deliver()
    parts.in_force.plan = plan("webhook", "other", channel=parts.channel)
    parts.intake.place_again()
    parts.pass_time(300)
    assert [(row.channel, row.reason) for row in parts.notifications()] == [("webhook", "first"), ("other", "first")]


def test_what_holds_is_read_anew_for_each_piece_of_work() -> None:
    first, second = plan("a", channel=FakeChannel()), plan("b", channel=FakeChannel())
    in_force = PlanInForce(first)
    in_force.plan = second
    assert (in_force.routing, in_force.configured) == (second.routing, frozenset({"b"}))
