"""Notifications for the tests of the channels, composed by the same code as those of the service; and texts that mean harm."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driftline.alerting.alert import Alert, AlertType, Posted, Priority
from driftline.alerting.channels.message import Message, read
from driftline.alerting.decisions import Notify, NotifyReason
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group, Member
from driftline.alerting.notification import compose
from driftline.alerting.pipeline import NOTHING_TOLD, Look
from driftline.alerting.routing import ChannelSpec
from driftline.alerting.trend import Trend
from tests.unit.alerting.builders import DAY, alert

LINKS = Links(runbooks="https://wiki.example.org", dashboards="https://dash.example.org")
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
EXAMPLE: dict[str, Any] = {
    # The example of the requirements, ALR-20.
    "title": "Model Performance Degradation Detected",
    "model_id": "telecom.prod.churn_model",
    "alert_type": AlertType.PERFORMANCE_DEGRADATION,
    "risk_score": 75.5,
    "severity": "HIGH",
    "priority": Priority.HIGH,
    "details": "F1 score dropped below 0.65 threshold. Expected loss increased by 40%.\nf1 = 0.61 (limit 0.65)",
    "affected_segments": ("senior_citizens", "fiber_optic_customers"),
}


def body(
    *alerts: Alert, reason: NotifyReason = NotifyReason.FIRST, key: str = '{}:{model_id="m"}', speaks_for: int = 0
) -> tuple[str, bytes]:
    """Id and stored body of a notification about these alerts."""
    told = alerts or (alert(**EXAMPLE),)
    ended = frozenset(one.alert_id for one in told if one.ends_at is not None)
    group = Group(key=key, route_key="{}", receiver="all", labels={"model_id": "m"}, interval=1, next_look_at=None)
    look = Look(
        now=1,
        members=tuple(Member(one, speaks_for=speaks_for) for one in told),
        told=None if not ended else _told(ended),
        repeat_interval=1,
        channel=ChannelSpec(kind="slack", name="slack"),
        configured=True,
    )
    made = compose(group, look, Notify(reason), LINKS)
    return made.notification_id, json.dumps(made.body, ensure_ascii=True).encode()


def _told(firing: frozenset[str]) -> Any:
    return replace(NOTHING_TOLD, firing=firing)


def message(*alerts: Alert, **options: Any) -> Message:
    """The same as the channels read it."""
    made, stored = body(*alerts, **options)
    return read(made, json.loads(stored))


def example(**changes: Any) -> Message:
    return message(alert(**{**EXAMPLE, **changes}))


def posted(*instances: str, **changes: Any) -> Message:
    """Alerts of Prometheus about disks of these instances."""
    source = Posted(annotations={"runbook_url": "https://wiki.example.org/disk"}, generator_url="", expires_at=DAY)
    common = {"title": "Disk full", "model_id": "", "risk_score": None, "posted": source, "alert_type": AlertType.GENERAL}
    return message(
        *(
            alert(name, **{**common, "labels": {"severity": "page", "instance": name, "alertname": "Disk"}, **changes})
            for name in instances
        )
    )


def resolved() -> Message:
    return message(alert(**EXAMPLE, ends_at=12 * DAY), reason=NotifyReason.ALL_RESOLVED)


def schema(name: str) -> Draft202012Validator:
    """Our transcription of what a channel publishes."""
    text = (Path(__file__).parent / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))


HARM = [
    "",
    " \t\n ",
    "<!channel> <@U123> <https://evil.example|click>",
    "&lt;b&gt; &amp;amp;",
    "*bold* _it_ ~no~ `code` [text](https://evil.example)",
    "<script>alert(1)</script>\"'><img src=x onerror=1>",
    "Subject\r\nBcc: all@example.org\r\n\r\nbody",
    "a\nb\u2028c\u2029d\x85e\x0bf\x0cg\x1ch\x00i",
    "\ud800 half \udfff",
    "\u202eesrever\u202c \ufeff",
    "=?utf-8?q?=0d=0aBcc:_x?=",
    "👩‍👩‍👧‍👦" * 400,
    "&" * 100_000,
    "x" * 100_000,
    "\n" * 5_000 + "y",
    "\\" * 5_000,
]

_TEXT = st.one_of(st.sampled_from(HARM), st.text(max_size=200), st.text(st.characters(codec=None), max_size=50))


@st.composite
def hostile_bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """Id and stored body of a notification whose every text of others is one that means harm."""
    count = draw(st.sampled_from([1, 1, 2, 25]))
    ended = draw(st.booleans())
    changes: dict[str, Any] = {
        "title": draw(_TEXT),
        "model_id": draw(_TEXT),
        "model_version": draw(_TEXT),
        "severity": draw(_TEXT),
        "details": draw(_TEXT),
        "affected_segments": tuple(draw(st.lists(_TEXT, max_size=3))),
        "priority": draw(st.sampled_from(list(Priority))),
        "risk_score": draw(st.one_of(st.none(), st.floats(0, 100), st.just(float("nan")))),
        "ends_at": 12 * DAY if ended else None,
    }
    if draw(st.booleans()):
        changes["posted"] = Posted(annotations={"runbook_url": draw(_TEXT)}, generator_url=draw(_TEXT), expires_at=DAY)
        changes["labels"] = {"alertname": draw(_TEXT), **draw(st.dictionaries(_TEXT, _TEXT, max_size=12))}
    return body(*(alert(f"a{number}", **changes) for number in range(count)), key=draw(st.text(max_size=50)))


def hostile() -> st.SearchStrategy[Message]:
    """The same as the channels read it."""
    return hostile_bodies().map(lambda stored: read(stored[0], json.loads(stored[1])))


def texts(value: Any) -> list[str]:
    """Every text in a payload."""
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in inside for text in texts(part)]


def pictured(told: Message, url: str | None = "https://alerts.example.org/v1/pictures/msg_1.png") -> Message:
    """The same with a trend, and a picture of it at a URL."""
    trend = Trend(
        measure="psi",
        column="<!channel> & *b*",
        limit=0.25,
        more_is_bad=True,
        ends=("2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z", "2013-01-03T00:00:00Z"),
        values=(0.1, 0.2, 0.9),
    )
    return replace(told, items=(replace(told.lead, trend=trend, picture_url=url), *told.others))
