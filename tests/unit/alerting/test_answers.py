"""Who says what in Slack and PagerDuty."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.answers import (
    Answer,
    Untrusted,
    Wish,
    check_pagerduty,
    check_slack,
    read_pagerduty,
    read_slack,
)

# The example of docs.slack.dev, "Verifying requests from Slack".
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
STAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = int(STAMP) * 1_000_000


def test_the_published_example_is_trusted_within_five_minutes() -> None:
    for seconds in (-300, 0, 300):
        check_slack(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW + seconds * 1_000_000)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"now": NOW + 301_000_000}, "more than five minutes"),
        ({"now": NOW - 301_000_000}, "more than five minutes"),
        ({"timestamp": ""}, "no number"),
        ({"timestamp": "٣"}, "no number"),
        ({"timestamp": str(int(STAMP) + 1)}, "does not fit"),
        ({"signature": ""}, "does not fit"),
        ({"signature": "v0=\udcff"[:3] + "é"}, "does not fit"),
        ({"body": BODY + b" "}, "does not fit"),
        ({"secret": "another"}, "does not fit"),
    ],
)
def test_what_is_old_changed_or_signed_by_others_is_not_trusted(changes, said) -> None:
    values = {"timestamp": STAMP, "signature": SIGNATURE, "body": BODY, "now": NOW, **changes}
    with pytest.raises(Untrusted, match=said):
        check_slack(values.pop("secret", SECRET), **values)


def test_pagerduty_is_trusted_by_any_of_its_signatures() -> None:
    body = b'{"event": {}}'
    good = "v1=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
    check_pagerduty("s", signatures=f"v1=00, {good}", body=body)
    for signatures in ("", "v1=00", good.replace("v1", "v0")):
        with pytest.raises(Untrusted):
            check_pagerduty("s", signatures=signatures, body=body)


def pressed(*actions, user=None):
    payload = {"type": "block_actions", "user": user or {"id": "U1", "username": "ada"}, "actions": list(actions)}
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_button_says_what_who_and_which_group() -> None:
    body = pressed({"action_id": "acknowledge", "value": '{}:{model_id="m"}'}, {"action_id": "view_runbook"})
    assert read_slack(body) == (Answer(Wish.ACKNOWLEDGE, '{}:{model_id="m"}', "slack:ada"),)
    assert read_slack(pressed({"action_id": "silence", "value": "k"}, user={"id": "U1"}))[0].by == "slack:U1"


def test_an_incident_acknowledged_in_pagerduty_says_so() -> None:
    event = {
        "event_type": "incident.acknowledged",
        "agent": {"type": "user_reference", "summary": "Ada\nLovelace"},
        "data": {"type": "incident", "incident_key": "abc"},
    }
    assert read_pagerduty(json.dumps({"event": event}).encode()) == (Answer(Wish.ACKNOWLEDGE, "abc", "pagerduty:Ada Lovelace"),)
    assert read_pagerduty(json.dumps({"event": {**event, "event_type": "incident.triggered"}}).encode()) == ()
    assert read_pagerduty(json.dumps({"event": {**event, "data": {"incident_key": None}}}).encode()) == ()


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda of: (
                st.lists(of)
                | st.dictionaries(st.sampled_from(["event", "data", "actions", "user", "agent", "incident_key"]), of)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_anything_else_is_refused_and_never_breaks(body) -> None:
    for read, sent in (
        (read_pagerduty, body),
        (read_slack, body),
        (read_slack, b"payload=" + urlencode({"": body})[1:].encode()),
    ):
        try:
            found = read(sent)
        except ValueError:
            continue
        assert all(isinstance(one, Answer) for one in found)
