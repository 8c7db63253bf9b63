import json

import pytest

from driftline.alerting.channels.splunk import hec_event
from driftline.alerting.config import load
from driftline.alerting.errors import InvalidAlertingConfig
from tests.unit.alerting.builders import DAY, alert
from tests.unit.alerting.channels.notices import EXAMPLE, body, schema

TREE = "{route: {receiver: all}, receivers: [{name: all, splunk_hec_configs: [%s]}]}"


def test_an_event_has_its_time_its_id_and_all_that_the_webhook_says() -> None:
    notification_id, text = body(alert(**EXAMPLE))
    event = hec_event(notification_id, json.loads(text), sourcetype=None, index="ml")
    assert (event["time"], event["index"], event["sourcetype"]) == (100 * DAY / 1e6, "ml", "driftline:notification")
    assert event["fields"] == {"notification_id": notification_id, "status": "firing"}
    assert event["event"] == json.loads(text)
    schema("splunk").validate(event)


def test_without_an_index_that_of_the_token_holds() -> None:
    notification_id, text = body()
    assert "index" not in hec_event(notification_id, json.loads(text), sourcetype="x", index=None)


def test_a_receiver_names_its_collector_and_its_token() -> None:
    routing = load(TREE % "{url: 'https://splunk:8088/services/collector/event', token: t, index: ml}")
    (spec,) = routing.channels.values()
    assert (spec.kind, spec.name, spec.options["index"]) == ("splunk_hec", "all/splunk_hec/0", "ml")


@pytest.mark.parametrize("written", ["{token: t}", "{url: 'https://splunk'}"])
def test_half_a_collector_is_a_fault(written) -> None:
    with pytest.raises(InvalidAlertingConfig, match="is missing"):
        load(TREE % written)
