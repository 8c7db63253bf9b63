"""A process ends as a whole: clean after a signal, non-zero after the first failure."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

import pytest

from driftline.errors import ConfigurationError
from driftline.runtime import process
from driftline.runtime.health import Health
from driftline.runtime.process import Part, run_parts, run_service
from driftline.runtime.settings import ServiceSettings


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


@pytest.fixture
def environment(monkeypatch):
    for name in os.environ:
        if name.startswith("DRIFTLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(process, "configure_logs", lambda *_arguments, **_options: None)
    return monkeypatch


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


def test_a_service_gets_its_settings_and_returns_its_exit_code(environment):
    environment.setenv("DRIFTLINE_HTTP_PORT", "0")
    environment.setenv("DRIFTLINE_TOKENS_FILE", "tokens")
    ports: list[int] = []

    def run(settings, _clock):
        ports.append(settings.http_port)
        return 1

    assert run_service("audit", ServiceSettings, run) == 1
    assert ports == [0]


def test_a_service_that_cannot_start_says_why_and_gives_2(environment, capsys):
    environment.setenv("DRIFTLINE_TOKENS_FILE", "tokens")

    assert run_service("audit", ServiceSettings, lambda _settings, _clock: 0) == 2
    assert capsys.readouterr().err.startswith("driftline audit: wrong settings: DRIFTLINE_HTTP_PORT is not set")

    def run(_settings, _clock):
        raise ConfigurationError("no topics; run driftline topics apply")

    environment.setenv("DRIFTLINE_HTTP_PORT", "0")
    assert run_service("audit", ServiceSettings, run) == 2
    assert capsys.readouterr().err == "driftline audit: no topics; run driftline topics apply\n"


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_names_every_setting_instead_of_starting(environment, capsys, word):
    environment.setattr(sys, "argv", ["audit", word])
    assert run_service("audit", ServiceSettings, lambda _settings, _clock: 1) == 0
    said = capsys.readouterr().out
    assert said.startswith("The service audit of Driftline takes its settings from the environment")
    lines = said.splitlines()[1:]
    assert len(lines) == len(ServiceSettings.model_fields)
    assert lines[0] == "  DRIFTLINE_HTTP_PORT: port to listen on; 0 takes any free one"
    assert "  DRIFTLINE_LOG_LEVEL: the least that is logged [info]" in lines


def test_what_was_typed_is_named_by_its_option(environment, capsys):
    environment.setenv("DRIFTLINE_TOKENS_FILE", "tokens")
    environment.setenv("DRIFTLINE_HTTP_PORT", "x")
    options = {"DRIFTLINE_HTTP_PORT": "--listen"}
    assert run_service("alerting", ServiceSettings, lambda _settings, _clock: 0, options) == 2
    assert capsys.readouterr().err.startswith("driftline alerting: wrong settings: --listen is refused")
