from dataclasses import replace

from driftline.alerting.config import default_routing
from driftline.alerting.grouping import new_group, next_flush
from driftline.alerting.routing import Timers
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
    assert new_group(route, alert(), 7).next_flush_at == 7 + 30 * SECOND


def test_ticks_keep_their_beat_and_missed_ones_are_not_made_up_for() -> None:
    (route,) = ROUTING.root.match(alert().routing_labels)
    group = new_group(route, alert(), 0)
    timers = Timers(group_interval=300 * SECOND)
    assert next_flush(group, timers, 31 * SECOND) == 330 * SECOND
    assert next_flush(group, timers, 5_000 * SECOND) == 5_300 * SECOND
