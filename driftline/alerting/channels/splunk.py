"""A notification as an event of Splunk's HTTP Event Collector: the body as the webhook has it, with its time and its id.

Source: Splunk, "Format events for HTTP Event Collector": time (seconds), source, sourcetype, index, fields, event.
"""

from collections.abc import Mapping
from typing import Any

from driftline.envelope import time_of

SOURCETYPE = "driftline:notification"


def hec_event(notification_id: str, body: Mapping[str, Any], *, sourcetype: str | None, index: str | None) -> dict[str, Any]:
    """One event; `notification_id` is an indexed field, by which a search tells a repeat (`dedup notification_id`)."""
    event = {
        "time": time_of(body["alert_data"]["timestamp"]) / 1_000_000,
        "source": "driftline",
        "sourcetype": sourcetype or SOURCETYPE,
        "fields": {"notification_id": notification_id, "status": body["status"]},
        "event": dict(body),
    }
    return event if index is None else {**event, "index": index}
