"""What people do in Slack and PagerDuty about an alert: whether it is really they who say so, and what they want.

Sources: docs.slack.dev, "Verifying requests from Slack" and "block_actions payload"; developer.pagerduty.com, "Verifying Webhook Signatures"
and "Webhook Payload" (V3).
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from driftline.alerting.channels.texts import one_line

_WINDOW_SECONDS = 300
"""Slack: a request whose timestamp is more than five minutes away may be one that somebody recorded."""

_LONGEST_NAME = 200


class Untrusted(Exception):
    """The request is not signed by whom it should be: refuse it."""


class Wish(StrEnum):
    """What somebody wants to be done about a group of alerts."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Answer:
    """One wish. `group` is what the channel calls the group: its key in Slack, the dedup key in PagerDuty."""

    wish: Wish
    group: str
    by: str


def check_slack(secret: str, *, timestamp: str, signature: str, body: bytes, now: int) -> None:
    """Raise Untrusted unless Slack signed this body just now; `now` in microseconds."""
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        raise Untrusted("X-Slack-Request-Timestamp is missing or no number")
    if abs(now // 1_000_000 - int(timestamp)) > _WINDOW_SECONDS:
        raise Untrusted("the request is more than five minutes old; is this machine's clock right?")
    expected = "v0=" + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Untrusted("X-Slack-Signature does not fit the body; see the signing secret of the application")


def check_pagerduty(secret: str, *, signatures: str, body: bytes) -> None:
    """Raise Untrusted unless one of the signatures fits; PagerDuty sends several while a secret is rotated."""
    expected = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [one.strip().encode() for one in signatures.split(",")]
    if True not in [hmac.compare_digest(expected.encode(), one) for one in given]:
        raise Untrusted("X-PagerDuty-Signature does not fit the body; see the secret of the webhook subscription")


def read_slack(body: bytes) -> tuple[Answer, ...]:
    """What the buttons in a message say; nothing for other interactions. Raises ValueError for what is no interaction."""
    form = parse_qs(body.decode("utf-8"))
    payload = _object(json.loads(form.get("payload", ["null"])[0]))
    user = _object(payload.get("user", {}))
    name = user.get("username") or user.get("name") or user.get("id")
    actions = payload.get("actions", ())
    return tuple(
        Answer(Wish(action["action_id"]), action["value"], _name("slack", name))
        for action in map(_object, actions if isinstance(actions, list) else ())
        if action.get("action_id") in set(Wish) and isinstance(action.get("value"), str)
    )


_OF_PAGERDUTY = {"incident.acknowledged": Wish.ACKNOWLEDGE, "incident.unacknowledged": Wish.UNACKNOWLEDGE}


def read_pagerduty(body: bytes) -> tuple[Answer, ...]:
    """What happened to an incident of ours; nothing for other events. Raises ValueError for what is no event."""
    event = _object(_object(json.loads(body)).get("event"))
    data, agent = _object(event.get("data", {})), event.get("agent")
    wish, key = _OF_PAGERDUTY.get(str(event.get("event_type"))), data.get("incident_key")
    if wish is None or not isinstance(key, str):
        return ()
    return (Answer(wish, key, _name("pagerduty", agent.get("summary") if isinstance(agent, dict) else None)),)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("is not what its sender documents")  # noqa: TRY004 - a value of others, not a wrong call
    return value


def _name(where: str, name: object) -> str:
    return f"{where}:{one_line(str(name))[:_LONGEST_NAME]}" if name else where
