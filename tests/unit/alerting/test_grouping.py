from dataclasses import replace

from driftline.alerting.config import default_routing, load
from driftline.alerting.grouping import MAX_KEY, group_key, new_group, tick_for
from tests.unit.alerting.builders import SECOND, alert

ROUTING = default_routing(webhook=True)


def test_versions_of_one_model_share_a_group() -> None:
    (route,) = ROUTING.root.match(alert().routing_labels)
    first, second = (new_group(route, alert(name), 0) for name in "ab")
    assert first.key == second.key == '{}/{priority="medium"}:{model_id="flights.delay"}'


def test_an_alert_without_the_label_has_a_group_without_it() -> None:
    bare = replace(alert(), labels={"source": "audit"}, model_id="")
    (route,) = ROUTING.root.match(bare.routing_labels)
    assert new_group(route, bare, 0).key == '{}/{priority="medium"}:{}'


def test_a_new_group_waits_for_company() -> None:
    (route,) = ROUTING.root.match(alert().routing_labels)
    assert new_group(route, alert(), 7).next_look_at == 7 + 30 * SECOND


def test_until_its_first_look_a_group_has_one_tick() -> None:
    (route,) = ROUTING.root.match(alert().routing_labels)
    group = new_group(route, alert(), 0)
    assert tick_for(group, 0) == tick_for(group, 29 * SECOND) == 30 * SECOND


def test_ticks_keep_their_beat_from_the_last_look() -> None:
    (route,) = ROUTING.root.match(alert().routing_labels)
    group = replace(new_group(route, alert(), 0), last_look_at=30 * SECOND, next_look_at=None)
    assert tick_for(group, 30 * SECOND) == 330 * SECOND
    assert tick_for(group, 330 * SECOND) == 330 * SECOND
    assert tick_for(group, 331 * SECOND) == 630 * SECOND


def grouped_by(names: str):
    return load(f"route: {{receiver: a, group_by: {names}}}\nreceivers: [{{name: a}}]").root


def test_by_all_labels_every_alert_is_a_group_that_a_worse_severity_does_not_change() -> None:
    route = grouped_by("['...']")
    one, worse, other = (new_group(route, item, 0).key for item in (alert("a"), alert("a", severity="CRITICAL"), alert("b")))
    assert one == worse == '{}:{alertname="drift_detection", kind="a", model_id="flights.delay"}'
    assert other != one


def test_without_names_everything_is_one_group() -> None:
    assert new_group(grouped_by("[]"), alert("a"), 0).key == new_group(grouped_by("[]"), alert("b"), 0).key == "{}:{}"


def test_no_two_groups_have_one_key() -> None:
    route = grouped_by("[a, b]")
    assert group_key(route, {"a": 'x", b="y'}) != group_key(route, {"a": "x", "b": "y"})
    long, longer = (group_key(route, {"a": "x" * 2000 + end}) for end in "yz")
    assert len(long) == len(longer) == MAX_KEY
    assert long != longer
