from dataclasses import replace

import pytest

from driftline.alerting.alert import AlertType, Priority
from driftline.alerting.intake import Fired, Ignored, Resolved
from driftline.alerting.posted import posted_alert, receive_posted, timed_out
from tests.unit.alerting.builders import alert

NOW = 1_000_000_000
TIMEOUT = 300_000_000


def given(labels=None, annotations=None, *, starts_at=None, ends_at=None, now=NOW):
    labels = {"alertname": "x", "severity": "warning"} if labels is None else labels
    return posted_alert(
        labels, annotations or {}, starts_at=starts_at, ends_at=ends_at, generator_url="", now=now, resolve_timeout=TIMEOUT
    )


def fired(change):
    assert isinstance(change, Fired)
    return change.alert


def test_times_that_are_left_out_are_filled_in_as_alertmanager_does() -> None:
    assert (given().starts_at, given().ends_at) == (NOW, NOW + TIMEOUT)
    assert given(ends_at=NOW - 5).starts_at == NOW - 5
    assert given(starts_at=7).ends_at == NOW + TIMEOUT


def test_what_has_no_labels_or_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one label"):
        given({"alertname": ""})
    for unnamed in ({"labels": {"": "x", "alertname": "y"}}, {"annotations": {"": "x"}}):
        with pytest.raises(ValueError, match='invalid name ""'):
            given(**unnamed)
    assert given({"": "", "alertname": "y"}).labels == {"alertname": "y"}
    with pytest.raises(ValueError, match="must be before"):
        given(starts_at=9, ends_at=8)


@pytest.mark.parametrize(
    ("labels", "priority"),
    [
        ({"severity": "critical"}, Priority.CRITICAL),
        ({"severity": "page"}, Priority.CRITICAL),
        ({"severity": "Warning"}, Priority.MEDIUM),
        ({"severity": "critical", "priority": "high"}, Priority.HIGH),
        ({"severity": "whatever"}, Priority.LOW),
        ({"a": "b"}, Priority.LOW),
    ],
)
def test_the_labels_say_how_urgent_it_is(labels, priority) -> None:
    assert fired(receive_posted(given(labels), None, now=NOW)).priority is priority


def test_routes_match_on_its_own_labels_and_its_fingerprint_is_theirs() -> None:
    made = fired(receive_posted(given({"alertname": "x", "priority": "P1"}), None, now=NOW))
    assert made.routing_labels == {"alert_type": "general", "priority": "P1", "alertname": "x"}
    assert made.alert_id == given({"priority": "P1", "alertname": "x"}).alert_id


def test_the_same_again_changes_nothing_and_an_earlier_start_does() -> None:
    first = fired(receive_posted(given(starts_at=NOW), None, now=NOW))
    assert receive_posted(given(starts_at=NOW, now=NOW + 60), first, now=NOW + 60) is Ignored.UNCHANGED
    assert receive_posted(given(starts_at=NOW + 5), first, now=NOW + 60) is Ignored.UNCHANGED
    earlier = fired(receive_posted(given(starts_at=NOW - 5), first, now=NOW + 60))
    assert (earlier.starts_at, earlier.fired_at) == (NOW - 5, NOW)


def test_an_end_that_is_past_ends_what_fires_and_nothing_else() -> None:
    first = fired(receive_posted(given(), None, now=NOW))
    end = given(starts_at=1, ends_at=NOW + 1)
    change = receive_posted(end, first, now=NOW + 2)
    assert isinstance(change, Resolved)
    assert change.alert.ends_at == NOW + 1
    assert receive_posted(end, None, now=NOW + 2) is Ignored.UNKNOWN_ALERT
    assert receive_posted(end, change.alert, now=NOW + 2) is Ignored.UNCHANGED
    again = fired(receive_posted(given(now=NOW + 9), change.alert, now=NOW + 9))
    assert (again.starts_at, again.fired_at) == (NOW + 9, NOW + 9)


def test_what_is_not_sent_again_is_over_when_it_said() -> None:
    first = fired(receive_posted(given(), None, now=NOW))
    change = timed_out(first)
    assert isinstance(change, Resolved)
    assert change.alert.ends_at == NOW + TIMEOUT
    assert timed_out(replace(first, ends_at=3)) is Ignored.STALE


def test_an_alert_that_comes_from_events_is_not_changed_over_http() -> None:
    drift = alert()
    assert receive_posted(given(dict(drift.labels)), drift, now=NOW) is Ignored.STALE
    assert timed_out(drift) is Ignored.STALE


@pytest.mark.parametrize("kind", [*AlertType, "of_another_kind"])
def test_who_posts_may_say_which_type_it_is(kind) -> None:
    made = fired(receive_posted(given({"alertname": "x", "alert_type": kind}), None, now=NOW))
    assert made.alert_type == (kind if kind in set(AlertType) else "general")
