import base64

import pytest

from driftline.errors import ConfigurationError
from driftline.runtime.settings import load
from services.alerting.adapters.plan import read_routing
from services.alerting.settings import AlertingSettings

SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DRIFTLINE_TOKENS_FILE", str(tmp_path / "tokens.json"))
    monkeypatch.setenv("DRIFTLINE_DATA_DIR", str(tmp_path))

    def environment(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"DRIFTLINE_{name.upper()}", value)
        return load(AlertingSettings)

    return environment


def test_defaults(environment, tmp_path) -> None:
    settings = environment()
    assert settings.database == f"sqlite:///{tmp_path}/alerting.db"
    assert settings.links.runbooks == "http://127.0.0.1:8080"
    assert settings.webhook_keys == ()
    assert settings.timers_us == {"wait": None, "interval": None, "repeat": None}


def test_the_secret_may_be_several_and_is_never_shown(environment) -> None:
    settings = environment(alerting_webhook_secret=f"{SECRET} {SECRET}")
    assert settings.webhook_keys == (b"x" * 32, b"x" * 32)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "name", ["slack_webhook_url", "slack_bot_token", "teams_webhook_url", "pagerduty_routing_key", "smtp_password"]
)
def test_what_opens_a_channel_is_never_shown(environment, name) -> None:
    settings = environment(**{f"alerting_{name}": "https://hush-hush"})
    assert "hush-hush" not in repr(settings)
    assert "hush-hush" not in str(settings.model_dump())


def test_each_recipient_counts_once(environment) -> None:
    settings = environment(alerting_email_to="a@example.com, B <b@example.com>,a@example.com,")
    assert settings.recipients == ("a@example.com", "B <b@example.com>")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alerting_webhook_secret", "hunter2-hunter2"),
        ("alerting_allow_addresses", "localhost"),
        ("alerting_email_from", "hunter2"),
        ("alerting_email_to", "a@example.com, hunter2"),
        ("alerting_smtp_tls", "hunter2"),
        ("alerting_group_interval_seconds", "0"),
        ("alerting_send_workers", "0"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(environment, name, value) -> None:
    with pytest.raises(ConfigurationError) as refused:
        environment(**{name: value})
    assert f"DRIFTLINE_{name.upper()}" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_timers_in_seconds_override_every_route(environment) -> None:
    routing = read_routing(environment(alerting_group_wait_seconds="0.5", alerting_group_interval_seconds="2"))
    assert {(route.timers.group_wait, route.timers.group_interval) for route in routing.root.walk()} == {(500_000, 2_000_000)}
    assert {route.timers.repeat_interval for route in routing.root.walk()} == {14_400_000_000}


def test_the_webhook_hears_of_every_priority_where_it_has_an_address(environment) -> None:
    routing = read_routing(environment(alerting_webhook_url="https://example.org/"))
    for priority in ("low", "medium", "high", "critical", "other"):
        receivers = [routing.receivers[route.receiver] for route in routing.root.match({"priority": priority})]
        assert "webhook" in [channel.kind for receiver in receivers for channel in receiver.channels]


def test_a_config_file_that_is_missing_is_said(environment, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="DRIFTLINE_ALERTING_CONFIG"):
        read_routing(environment(alerting_config=str(tmp_path / "none.yml")))
