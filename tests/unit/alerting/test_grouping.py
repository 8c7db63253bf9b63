from dataclasses import replace

from driftline.alerting.config import default_routing
from driftline.alerting.grouping import new_group, tick_for
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
