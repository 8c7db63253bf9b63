import re
from pathlib import Path

from driftline.runtime.settings import ServiceSettings
from services.alerting.settings import AlertingSettings, ChannelSettings

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "deploy/alerting.env.example").read_text(encoding="utf-8")


def test_the_example_names_every_setting_of_the_channels_the_heartbeat_and_no_other() -> None:
    named = re.findall(r"^#?(DRIFTLINE_[A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)
    fields = ChannelSettings.model_fields.keys() - ServiceSettings.model_fields.keys()
    assert sorted(named) == sorted(f"DRIFTLINE_{field.upper()}" for field in {*fields, "alerting_heartbeat_url"})


def test_the_example_shows_the_defaults() -> None:
    shown = dict(re.findall(r"^#?DRIFTLINE_([A-Z0-9_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    port = shown.pop("ALERTING_SMTP_PORT")
    assert port == "587"
    assert {name: ChannelSettings.model_fields[name.lower()].default for name in shown} == shown


def test_the_page_about_channels_names_settings_that_exist() -> None:
    page = (ROOT / "docs/channels/README.md").read_text(encoding="utf-8")
    kinds = "WEBHOOK|SLACK|TEAMS|PAGERDUTY|EMAIL|SMTP|ALLOW|GIVE"
    named = set(re.findall(rf"`(?:DRIFTLINE_ALERTING_)?((?:{kinds})_[A-Z_]+)`", page))
    assert named
    assert {f"alerting_{name.lower()}" for name in named} <= AlertingSettings.model_fields.keys()
