from pathlib import Path

import pytest

from driftline.alerting.errors import InvalidAlertingConfig
from driftline.clock import ManualClock
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.channels.worded import WordedChannel
from services.alerting.adapters.plan import read_plan
from services.alerting.settings import AlertingSettings
from tests.unit.alerting.channels.notices import body

CONFIG = """
templates: [texts/*.j2]
route: {receiver: a}
receivers:
  - name: a
    msteamsv2_configs:
      - webhook_url: https://teams.example.org/x
        title: '{% import "m.j2" as m %}{{ m.sign }} {{ title }}'
"""


def test_each_reading_takes_the_macros_as_they_are_then(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "alerts.yml").write_text(CONFIG, encoding="utf-8")
    settings = AlertingSettings(tokens_file=tmp_path / "t", alerting_config=tmp_path / "alerts.yml")
    for sign in ("one", "two"):
        (tmp_path / "texts/m.j2").write_text(f"{{% set sign = '{sign}' %}}", encoding="utf-8")
        (channel,) = read_plan(settings, ManualClock()).channels.values()
        assert isinstance(channel, WordedChannel)
        assert channel._words(Outgoing(*body())).title == f"{sign} Model Performance Degradation Detected"
    (tmp_path / "texts/m.j2").write_text("{% set other = 1 %}", encoding="utf-8")
    with pytest.raises(InvalidAlertingConfig, match="sign"):
        read_plan(settings, ManualClock())
