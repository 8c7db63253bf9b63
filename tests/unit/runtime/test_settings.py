"""Settings are refused by name, and no value is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, ValidationError, field_validator

from driftline.errors import ConfigurationError
from driftline.runtime.settings import ServiceSettings, load


class Own(ServiceSettings):
    window_seconds: float = Field(default=1.0, gt=0, description="length of a window")
    secret_key: str = Field(description="key to sign with", min_length=8)
    hosts: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in list(os.environ):
        if name.startswith("DRIFTLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DRIFTLINE_TOKENS_FILE", "/tokens")
    monkeypatch.setenv("DRIFTLINE_HTTP_PORT", "8081")
    monkeypatch.setenv("DRIFTLINE_SECRET_KEY", "hunter2-hunter2")


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DRIFTLINE_WINDOW_SECONDS", "2.5")
    monkeypatch.setenv("DRIFTLINE_HOSTS", '["a", "b"]')
    found = load(Own)
    assert (found.http_port, found.tokens_file, found.window_seconds) == (8081, Path("/tokens"), 2.5)
    assert found.hosts == ("a", "b")
    assert (found.http_host, found.instance_id) == ("127.0.0.1", "1")


def test_every_field_at_fault_is_named_and_no_value_shown(monkeypatch):
    monkeypatch.delenv("DRIFTLINE_TOKENS_FILE")
    monkeypatch.setenv("DRIFTLINE_HTTP_PORT", "99999")
    monkeypatch.setenv("DRIFTLINE_SECRET_KEY", "hunter2")
    monkeypatch.setenv("DRIFTLINE_INSTANCE_ID", "a b")
    with pytest.raises(ConfigurationError) as refused:
        load(Own)
    text = str(refused.value)
    for name in ("DRIFTLINE_TOKENS_FILE is not set", "DRIFTLINE_HTTP_PORT", "DRIFTLINE_SECRET_KEY", "DRIFTLINE_INSTANCE_ID"):
        assert name in text
    assert "hunter2" not in text


def test_what_a_validator_of_ours_says_is_told_in_its_own_words(monkeypatch):
    class Choosing(Own):
        colour: str = "red"

        @field_validator("colour")
        @classmethod
        def known(cls, value: str) -> str:
            if value != "red":
                raise ValueError("a colour is red")
            return value

    monkeypatch.setenv("DRIFTLINE_COLOUR", "blue")
    with pytest.raises(ConfigurationError, match=r"DRIFTLINE_COLOUR is refused: a colour is red$"):
        load(Choosing)


def test_a_list_that_is_no_json_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("DRIFTLINE_HOSTS", "a,b")
    with pytest.raises(ConfigurationError, match=r"hosts.*JSON"):
        load(Own)


def test_the_environment_wins_over_the_file_and_other_services_keys_do_not_matter(monkeypatch, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("window_seconds: 3\nhttp_port: 9\nother_service: {x: 1}\n")
    monkeypatch.setenv("DRIFTLINE_SETTINGS_FILE", str(file))
    found = load(Own)
    assert (found.window_seconds, found.http_port) == (3.0, 8081)


@pytest.mark.parametrize("text", ["- a list", "a: [", None])
def test_a_settings_file_that_cannot_be_used_is_named(monkeypatch, tmp_path, text):
    file = tmp_path / "settings.yaml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("DRIFTLINE_SETTINGS_FILE", str(file))
    with pytest.raises(ConfigurationError, match=r"settings\.yaml"):
        load(Own)


def test_settings_do_not_change(monkeypatch):
    found = load(Own)
    with pytest.raises(ValidationError):
        found.http_port = 1
