"""Labels over HTTP: where they go, and which are refused."""

import pytest

from bench.ingest_process import monitor
from driftline import topics
from driftline.events import Label, Task
from driftline.kafka.partitioning import partition_for
from tests.unit.services.ingest.house import MINUTE, NOW, label, without


def test_labels_go_to_the_partition_of_their_prediction(house):
    rows = [label(n, label="no" if n % 2 else "yes") for n in range(20)]

    answer = house.post("/v1/labels", {"events": rows})

    assert (answer.status_code, answer.json()["accepted"]) == (202, 20)
    found = house.read("labels")
    assert {event.prediction_id: event.label for _, event in found} == {row["prediction_id"]: row["label"] for row in rows}
    assert all(isinstance(e, Label) and partition_for(e.prediction_id.encode(), 8) == p for p, e in found)


def test_a_boolean_label_is_a_class_and_a_number_of_a_regression_stays_one(house):
    house.watch(monitor(model_id="shop.price", task=Task.REGRESSION, positive_class=None, baseline_id="b2"))

    house.post("/v1/labels", {"events": [label(1, label=True), label(2, model_id="shop.price", label=3)]})

    assert {e.label for _, e in house.read("labels")} == {"true", 3.0}


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (without(label(), "prediction_id"), "missing_field", "prediction_id"),
        (without(label(), "label"), "missing_field", "label"),
        (label(label=None), "missing_field", "label"),
        (without(label(), "label_time"), "missing_field", "label_time"),
        (label(label=3.5), "wrong_type", "label"),
        (label(label=["no"]), "wrong_type", "label"),
        (label(label_time=NOW + 6 * MINUTE), "future_event_time", "label_time"),
        (label(prediction_id=""), "invalid_id", "prediction_id"),
        (label(model_id="no.such"), "unknown_model", "model_id"),
        (label(model_id="shop.unlabelled"), "unexpected_event", "label"),
        (7, "wrong_type", "event"),
    ],
)
def test_a_bad_label_is_refused_with_its_reason_and_dead_lettered(house, row, reason, field):
    house.watch(monitor(model_id="shop.unlabelled", labels=False, baseline_id="b2"))

    answer = house.post("/v1/labels", {"events": [label(8), row]})

    assert answer.json()["accepted"] == 1
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["reason"], rejected["field"]) == (1, reason, field)
    ((_, dead),) = house.read("dead-letters")
    assert (dead.source_topic, dead.reason) == (topics.name("labels"), reason)
