import base64

import pytest

from driftline.alerting.addresses import AllowList
from driftline.alerting.routing import ChannelSpec
from driftline.clock import ManualClock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.registry import WebhookDefaults, build_channels

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOWHERE = WebhookDefaults(url=None, keys=())


def build(spec, webhook=NOWHERE):
    return build_channels({spec.name: spec}, webhook=webhook, allowed=AllowList(), clock=ManualClock())


@pytest.mark.parametrize("kind", ["slack", "email", "teams", "pagerduty", "webhook"])
def test_what_has_no_address_is_left_out(kind) -> None:
    assert build(ChannelSpec(kind=kind, name=kind)) == {}


def test_the_named_webhook_goes_where_the_settings_say() -> None:
    spec = ChannelSpec(kind="webhook", name="webhook")
    assert set(build(spec, WebhookDefaults(url="https://example.org/", keys=(KEY,)))) == {"webhook"}


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="DRIFTLINE_ALERTING_WEBHOOK_SECRET"):
        build(ChannelSpec(kind="webhook", name="webhook"), WebhookDefaults(url="https://example.org/", keys=()))


def test_a_secret_file_holds_one_secret_a_line(tmp_path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n{SECRET}\n")
    assert set(build(ChannelSpec(kind="webhook", name="a/webhook/0", url="https://example.org/", secret_file=str(file)))) == {
        "a/webhook/0"
    }


@pytest.mark.parametrize("content", [None, "", "not-a-secret"])
def test_a_secret_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path, content) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    spec = ChannelSpec(kind="webhook", name="a/webhook/0", url="https://example.org/", secret_file=str(file))
    with pytest.raises(ConfigurationError) as refused:
        build(spec)
    assert str(file) in str(refused.value)
    assert "not-a-secret" not in str(refused.value)
