import json

from driftline.alerting.alert import Posted
from driftline.alerting.decisions import NotifyReason
from tests.unit.alerting.builders import DAY, alert
from tests.unit.alerting.channels.notices import EXAMPLE, body, schema

WEBHOOK = schema("webhook")
FEW_BYTES = 20_000
"""What Standard Webhooks asks for."""


def test_what_fires_and_what_ended_is_as_we_publish_it() -> None:
    for alerts, reason in (
        ([alert(**EXAMPLE)], NotifyReason.FIRST),
        ([alert(**EXAMPLE, ends_at=12 * DAY)], NotifyReason.ALL_RESOLVED),
        ([alert(f"a{number}", risk_score=None) for number in range(25)], NotifyReason.NEW_ALERTS),
    ):
        _, text = body(*alerts, reason=reason)
        WEBHOOK.validate(json.loads(text))
        assert len(text) < FEW_BYTES * (1 if len(alerts) == 1 else 2)


def test_a_posted_alert_keeps_its_annotations_and_where_it_came_from() -> None:
    posted = Posted(annotations={"summary": "Disk full", "on": "a"}, generator_url="http://prometheus/graph", expires_at=DAY)
    other = Posted(annotations={"summary": "Disk full", "on": "b"}, generator_url="", expires_at=DAY)
    _, text = body(alert("a", posted=posted), alert("b", posted=other))
    told = json.loads(text)
    WEBHOOK.validate(told)
    assert told["commonAnnotations"] == {"summary": "Disk full"}
    by_host = {one["annotations"]["on"]: one["generatorURL"] for one in told["alerts"]}
    assert by_host == {"a": "http://prometheus/graph", "b": ""}
