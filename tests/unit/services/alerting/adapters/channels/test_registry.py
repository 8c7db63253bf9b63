import base64

import pytest
import structlog

from driftline.alerting.config import load
from driftline.alerting.config_receivers import KINDS
from driftline.alerting.delivery import Refused
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.routing import ChannelSpec
from driftline.clock import ManualClock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.apprise import AppriseChannel, _judged
from services.alerting.adapters.channels.configured import Given, ticket
from services.alerting.adapters.channels.email import EmailChannel
from services.alerting.adapters.channels.json_post import Place
from services.alerting.adapters.channels.pagerduty import PagerDutyChannel, PagerDutyService
from services.alerting.adapters.channels.registry import build_channels
from services.alerting.adapters.channels.slack import SlackBot, SlackBotChannel, SlackWebhookChannel
from services.alerting.adapters.channels.splunk import SplunkChannel
from services.alerting.adapters.channels.teams import TeamsChannel
from services.alerting.adapters.channels.ticket import TicketChannel
from services.alerting.adapters.channels.webhook import WebhookChannel
from services.alerting.settings import AlertingSettings

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
MAIL = {"email_from": "mlops@example.com", "email_to": "a@example.com,b@example.com", "smtp_host": "mail.example.com"}
BOT = {"slack_bot_token": "xoxb-hush", "slack_channel": "C1"}


@pytest.fixture
def build(tmp_path):
    def build(spec, **values):
        named = {f"alerting_{name}": value for name, value in values.items()}
        return build_channels({spec.name: spec}, AlertingSettings(tokens_file=tmp_path / "t.json", **named), ManualClock())

    return build


EVERYTHING = {
    **MAIL,
    **BOT,
    "teams_webhook_url": "https://x.logic.azure.com/workflows/y",
    "pagerduty_routing_key": "0" * 32,
    "webhook_url": "https://example.org/",
    "webhook_secret": SECRET,
}


def test_every_channel_that_can_be_named_can_send(build) -> None:
    routing = load(f"{{route: {{receiver: all}}, receivers: [{{name: all, channels: [{', '.join(KINDS)}]}}]}}")
    assert [list(build(spec, **EVERYTHING)) for spec in routing.channels.values()] == [[kind] for kind in KINDS]


def test_a_channel_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InvalidAlertingConfig, match="Unknown channel: pigeon"):
        load("{route: {receiver: all}, receivers: [{name: all, channels: [slack, pigeon]}]}")


@pytest.mark.parametrize("kind", ["slack", "email", "teams", "pagerduty", "webhook"])
def test_what_has_no_address_is_left_out(build, kind) -> None:
    assert build(ChannelSpec(kind=kind, name=kind)) == {}


@pytest.mark.parametrize(
    ("kind", "values", "channel"),
    [
        ("webhook", {"webhook_url": "https://example.org/", "webhook_secret": SECRET}, WebhookChannel),
        ("slack", {"slack_webhook_url": "https://hooks.slack.com/services/T/B/x"}, SlackWebhookChannel),
        ("slack", BOT, SlackBotChannel),
        ("teams", {"teams_webhook_url": "https://x.logic.azure.com/workflows/y"}, TeamsChannel),
        ("pagerduty", {"pagerduty_routing_key": "0" * 32}, PagerDutyChannel),
        ("email", MAIL, EmailChannel),
        ("email", {**MAIL, "smtp_user": "me", "smtp_password": "hush"}, EmailChannel),
        (
            "email",
            {**MAIL, "smtp_host": "127.0.0.1", "smtp_tls": "none", "smtp_user": "me", "smtp_password": "hush"},
            EmailChannel,
        ),
    ],
)
def test_a_named_channel_goes_where_the_settings_say(build, kind, values, channel) -> None:
    assert [type(made) for made in build(ChannelSpec(kind=kind, name=kind), **values).values()] == [channel]


@pytest.mark.parametrize(
    ("kind", "values", "problem"),
    [
        ("slack", {**BOT, "slack_webhook_url": "https://hooks.slack.com/hush"}, "keep one"),
        ("slack", {"slack_bot_token": "xoxb-hush"}, "DRIFTLINE_ALERTING_SLACK_CHANNEL"),
        ("slack", {"slack_webhook_url": "http://hooks.slack.com/hush"}, "DRIFTLINE_ALERTING_SLACK_WEBHOOK_URL.*https"),
        ("slack", {"slack_webhook_url": "https://u:hush@hooks.slack.com/"}, "DRIFTLINE_ALERTING_SLACK_WEBHOOK_URL"),
        ("slack", {**BOT, "slack_api_url": "http://slack.com/api"}, "DRIFTLINE_ALERTING_SLACK_API_URL"),
        ("teams", {"teams_webhook_url": "hush"}, "DRIFTLINE_ALERTING_TEAMS_WEBHOOK_URL"),
        ("pagerduty", {"pagerduty_routing_key": "0" * 32, "pagerduty_url": "ftp://x"}, "DRIFTLINE_ALERTING_PAGERDUTY_URL"),
        ("email", {"email_from": "mlops@example.com"}, "DRIFTLINE_ALERTING_EMAIL_TO and DRIFTLINE_ALERTING_SMTP_HOST"),
        ("email", {**MAIL, "smtp_user": "me"}, "DRIFTLINE_ALERTING_SMTP_PASSWORD"),
        ("email", {**MAIL, "smtp_tls": "none", "smtp_user": "me", "smtp_password": "hush"}, "DRIFTLINE_ALERTING_SMTP_TLS"),
    ],
)
def test_half_an_address_is_refused_by_name_and_not_quoted(build, kind, values, problem) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        build(ChannelSpec(kind=kind, name=kind), **values)
    assert "hush" not in str(refused.value)


MAILED = {"from": "mlops@example.com", "to": "a@example.com, b@example.com", "smarthost": "mail.example.com:587"}
LOGIN = {"auth_username": "me", "auth_password": "hush"}


@pytest.mark.parametrize(
    ("kind", "options", "channel"),
    [
        ("webhook", {"url_file": "https://example.org/hush"}, WebhookChannel),
        ("slack", {"api_url": "https://hooks.slack.com/services/T/B/x"}, SlackWebhookChannel),
        ("slack", {"api_url_file": "https://hooks.slack.com/services/T/B/x"}, SlackWebhookChannel),
        ("slack", {"app_token_file": "xoxb-hush", "channel": "#alerts"}, SlackBotChannel),
        ("teams", {"webhook_url_file": "https://x.logic.azure.com/workflows/y"}, TeamsChannel),
        ("pagerduty", {"routing_key_file": "0" * 32, "url": "https://events.eu.pagerduty.com/v2/enqueue"}, PagerDutyChannel),
        (
            "splunk_hec",
            {"url": "https://splunk.example.com:8088/services/collector/event", "token_file": "hush"},
            SplunkChannel,
        ),
        (
            "ticket",
            {"type": "jira", "url": "https://acme.atlassian.net/", "token_file": "hush", "project": "MLOPS"},
            TicketChannel,
        ),
        ("apprise", {"url_file": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"}, AppriseChannel),
        ("email", MAILED, EmailChannel),
        ("email", {**MAILED, **LOGIN, "smarthost": "[2001:db8::1]:465"}, EmailChannel),
        ("email", {**MAILED, "require_tls": False}, EmailChannel),
    ],
)
def test_a_receiver_may_have_an_address_of_its_own(build, tmp_path, kind, options, channel) -> None:
    written = dict(options)
    for name in options:
        if name.endswith("_file"):
            (tmp_path / name).write_text(options[name] + "\n")
            written[name] = str(tmp_path / name)
    spec = ChannelSpec(kind=kind, name="team/x/0", options=written)
    assert [type(made) for made in build(spec, webhook_secret=SECRET).values()] == [channel]


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("webhook", {"url_file": "/nowhere/hush"}, "team/x/0: url_file"),
        ("slack", {"api_url": "http://hooks.slack.com/hush"}, "team/x/0: api_url.*https"),
        ("slack", {"api_url": "https://example.org", "app_token": "hush", "channel": "c"}, "keep one"),
        ("slack", {"app_token": "hush"}, "channel is not"),
        ("pagerduty", {"routing_key": "hush", "url": "http://example.org/"}, "team/x/0: url"),
        ("apprise", {"url": "pigeon://hush"}, "team/x/0: url is no URL that Apprise understands"),
        ("apprise", {"url": "discord://hush"}, "team/x/0: url is no URL that Apprise understands"),
        ("apprise", {"url": "mailto://me:hush@example.com"}, "team/x/0: url leads to E-Mail, not reached over HTTP"),
        ("webhook", {"url": "https://example.org/hush hush"}, "a space or a letter that no URL can have"),
        ("email", {**MAILED, "smarthost": "mail.example.com"}, "host:port"),
        ("email", {**MAILED, "to": "a@example.com, nobody"}, "from or to"),
        ("email", {**MAILED, "auth_username": "me"}, "auth_password"),
        ("email", {**MAILED, **LOGIN, "require_tls": False}, "in the clear"),
    ],
)
def test_an_address_of_a_receiver_that_cannot_be_used_is_named(build, kind, options, problem) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        build(ChannelSpec(kind=kind, name="team/x/0", options=options))
    assert "hush" not in str(refused.value).replace("/nowhere/hush", "")


@pytest.mark.parametrize(
    ("written", "labels"), [({}, ()), ({"labels": "drift"}, ("drift",)), ({"labels": ["a", 1]}, ("a", "1"))]
)
def test_an_issue_has_the_labels_that_are_written_and_no_other(written, labels) -> None:
    options = {"type": "github", "url": "https://api.github.com", "token": "hush", "project": "acme/models", **written}
    desk = ticket(Given(ChannelSpec(kind="ticket", name="team/ticket/0", options=options)))
    assert desk is not None
    assert desk.form.labels == labels


def test_a_webhook_of_a_receiver_without_a_secret_of_its_own_is_signed_with_that_of_the_settings(build) -> None:
    spec = ChannelSpec(kind="webhook", name="team/webhook/0", url="https://example.org/")
    assert list(build(spec, webhook_secret=SECRET)) == ["team/webhook/0"]


def test_a_webhook_without_a_secret_is_sent_unsigned_and_said_to_be(build) -> None:
    spec = ChannelSpec(kind="webhook", name="team/webhook/0", url="https://example.org/")
    with structlog.testing.capture_logs() as logs:
        (made,) = build(spec).values()
    assert isinstance(made, WebhookChannel)
    (line,) = logs
    assert line["log_level"] == "warning"
    assert "secret_file of team/webhook/0, or DRIFTLINE_ALERTING_WEBHOOK_SECRET" in line["remedy"]


@pytest.mark.parametrize(
    ("kind", "options", "address"),
    [
        ("teams", {"webhook_url": "http://127.0.0.1:9/x"}, "127.0.0.1"),
        ("teams", {"webhook_url": "http://localhost:9/x"}, "localhost"),
        ("email", {**MAILED, "smarthost": "[fd00::1]:25"}, "fd00::1"),
        ("teams", {"webhook_url": "https://10.1.2.3/x"}, None),
        ("teams", {"webhook_url": "https://example.org/x"}, None),
        ("email", MAILED, None),
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_told_at_the_start(build, kind, options, address) -> None:
    with structlog.testing.capture_logs() as logs:
        build(ChannelSpec(kind=kind, name="team/x/0", options=options), allow_addresses="10.0.0.0/8")
    assert [(line["channel"], line["address"]) for line in logs] == ([] if address is None else [("team/x/0", address)])


@pytest.mark.parametrize(
    ("kind", "host"),
    [
        ("slack", "slack.com"),
        ("email", "mail.example.com"),
        ("teams", "x.logic.azure.com"),
        ("pagerduty", "events.pagerduty.com"),
        ("webhook", "example.org"),
    ],
)
def test_a_channel_says_where_it_sends_to_without_the_path(build, kind, host) -> None:
    (made,) = build(ChannelSpec(kind=kind, name=kind), **EVERYTHING).values()
    assert made.host == host


def test_what_apprise_says_of_a_failure_holds_no_url() -> None:
    outcome = _judged(["Failed to send to json://me:hush@example.org/x: error=404."], 0)
    assert outcome == Refused("Failed to send to *** error=404.", 404)


def test_secrets_do_not_show() -> None:
    assert "hush" not in repr(SlackBot(token="xoxb-hush", channel="C1", api_url="https://slack.com/api"))
    assert "hush" not in repr(PagerDutyService(routing_key="hush", place=Place("https://hush", "the URL")))


def test_a_secret_file_holds_one_secret_a_line(build, tmp_path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n{SECRET}\n")
    spec = ChannelSpec(kind="webhook", name="a/webhook/0", url="https://example.org/", secret_file=str(file))
    assert set(build(spec)) == {"a/webhook/0"}


@pytest.mark.parametrize("content", [None, "", "not-a-secret"])
def test_a_secret_file_that_cannot_be_used_is_named_and_not_quoted(build, tmp_path, content) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    spec = ChannelSpec(kind="webhook", name="a/webhook/0", url="https://example.org/", secret_file=str(file))
    with pytest.raises(ConfigurationError) as refused:
        build(spec)
    assert str(file) in str(refused.value)
    assert "not-a-secret" not in str(refused.value)
