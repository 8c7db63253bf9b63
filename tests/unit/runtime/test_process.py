"""A process ends as a whole: clean after a signal, non-zero after the first failure."""

from __future__ import annotations

import gc
import signal
import threading

import pytest

from driftline.runtime.health import Health
from driftline.runtime.process import Part, run_parts


class Waiting:
    def __init__(self, order, name):
        self.order, self.name = order, name
        self.ending = threading.Event()

    def run(self):
        self.ending.wait()
        self.order.append(self.name)

    def stop(self):
        self.ending.set()


class Failing:
    def __init__(self, then=lambda: None):
        self.then = then

    def run(self):
        self.then()
        raise RuntimeError("broken")

    def stop(self):
        pass


class Signalling(Waiting):
    def run(self):
        signal.raise_signal(signal.SIGTERM)
        super().run()


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    gc.unfreeze()


def test_a_failure_stops_the_others_in_order_and_gives_1():
    order: list[str] = []
    health = Health(lambda: 0.0)
    health.ready()
    parts: dict[str, Part] = {"first": Waiting(order, "first"), "second": Waiting(order, "second"), "bad": Failing()}
    assert run_parts(parts, health) == 1
    assert order == ["first", "second"]
    assert health.not_live() == {"failed": "bad: broken"}


def test_sigterm_drains_and_gives_0():
    order: list[str] = []
    health = Health(lambda: 0.0)
    health.ready()
    assert run_parts({"a": Signalling(order, "a"), "b": Waiting(order, "b")}, health) == 0
    assert order == ["a", "b"]
    assert health.not_ready() == {"stopping": "the service is stopping"}
