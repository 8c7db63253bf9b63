"""driftline.sdk: what a producer sees, on a fake broker."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from driftline import batches, codec, sdk
from driftline.clock import ManualClock
from driftline.envelope import read
from driftline.errors import InvalidRecord, Unavailable
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery

PARTITIONS = 4


class RecordingProducer:
    """Keeps what was produced; delivers at once, fails deliveries, or refuses to queue."""

    def __init__(self, error: str | None = None, *, full: bool = False) -> None:
        self.records: list[tuple[str, object, dict]] = []
        self._error = error
        self._full = full

    def produce(self, topic, value, *, key=None, headers=(), partition=None, on_delivery=None):
        if self._full:
            raise Unavailable("the queue is full")
        self.records.append((topic, codec.decode(value), {"key": key, "headers": headers, "partition": partition}))
        on_delivery(Delivery(topic, partition, len(self.records), self._error))

    def poll(self, timeout_seconds=0.0):
        return 0

    def flush(self, timeout_seconds):
        return 0

    def __len__(self):
        return 0

    def close(self):
        pass


@pytest.fixture
def producer():
    return RecordingProducer()


def client(producer, **arguments):
    return sdk.Client(producer, partitions=PARTITIONS, clock=ManualClock(1_000), linger_seconds=3600, **arguments)


def rows(producer):
    """Every prediction that was sent, with the partition it was sent to."""
    found = {}
    for topic, event, extra in producer.records:
        if topic == "driftline.predictions" and hasattr(event, "rows"):
            for identifier in batches.to_columns(event).prediction_ids:
                found[identifier.decode()] = extra["partition"]
    return found


def test_every_prediction_goes_to_the_partition_of_its_id(producer):
    with client(producer) as emit:
        for i in range(100):
            emit.predict("m", "1", f"id-{i}", {"x": 1.0})
    assert rows(producer) == {f"id-{i}": partition_for(f"id-{i}".encode(), PARTITIONS) for i in range(100)}
    assert len(producer.records) == PARTITIONS


def test_a_label_meets_its_prediction(producer):
    with client(producer) as emit:
        emit.predict("m", "1", "id-7", {"x": 1.0})
        emit.label("m", "id-7", "late")
    assert {extra["partition"] for _, _, extra in producer.records} == {partition_for(b"id-7", PARTITIONS)}


def test_times_default_to_now_and_truth_values_become_text(producer):
    with client(producer) as emit:
        emit.predict("m", "1", "a", {"flag": True, "n": 3, "none": None}, prediction=False)
        emit.label("m", "a", label=True)
    (batch,) = [event for topic, event, _ in producer.records if topic == "driftline.predictions"]
    columns = batches.to_columns(batch)
    assert columns.event_times.tolist() == [1_000]
    assert columns.columns["flag"].dictionary == ("true",)
    assert columns.columns[":prediction"].dictionary == ("false",)
    assert "none" not in columns.columns
    (label,) = [event for topic, event, _ in producer.records if topic == "driftline.labels"]
    assert (label.label, label.label_time) == ("true", 1_000)


def test_messages_carry_cloudevents_with_ids_of_their_own(producer):
    with client(producer) as emit:
        emit.label("m", "a", 1.0)
        emit.label("m", "b", 1.0)
    envelopes = [read(extra["headers"]) for _, _, extra in producer.records]
    assert all(envelope is not None and envelope.type == "Label" and envelope.subject == "m" for envelope in envelopes)
    assert len({envelope.id for envelope in envelopes if envelope}) == 2


def test_advance_reaches_every_partition_of_both_topics_after_what_waits(producer):
    with client(producer) as emit:
        emit.predict("m", "1", "a", {"x": 1.0})
        emit.advance("m", 5_000)
    kinds = [(topic, type(event).__name__, extra["partition"]) for topic, event, extra in producer.records]
    assert kinds[0][1] == "PredictionBatch"
    assert sorted(kinds[1:]) == sorted(
        (topic, "Watermark", p) for topic in ("driftline.predictions", "driftline.labels") for p in range(PARTITIONS)
    )
    assert emit.statistics() == sdk.Statistics(emitted=1, delivered=1, failed=0)


def test_a_batch_stays_under_its_size(producer):
    with client(producer) as emit:
        for i in range(900):
            emit.predict("m", "1", "same-partition", {f"n{j}": f"{i:0400}" for j in range(2)})
    assert sum(event.rows for _, event, _ in producer.records) == 900
    assert max(len(codec.encode(event)) for _, event, _ in producer.records) <= batches.MAXIMUM_BYTES


@pytest.mark.parametrize("producer", [RecordingProducer(error="broker gone"), RecordingProducer(full=True)])
def test_losses_are_told_and_counted_but_never_raised(producer):
    told: list[str] = []
    with client(producer, on_error=told.append) as emit:
        emit.predict("m", "1", "a", {"x": 1.0})
        emit.predict("m", "1", "a", {"x": 1.0})
    assert emit.statistics() == sdk.Statistics(emitted=2, delivered=0, failed=2)
    assert told[0].startswith("2 event(s) could not be sent: ")


@pytest.mark.parametrize(
    "bad",
    [
        {"prediction_id": ""},
        {"prediction_id": "ü" * 65},
        {"model_id": ""},
        {"model_version": ""},
        {"features": {"x": float("inf")}},
        {"prediction": float("-inf")},
    ],
)
def test_values_that_cannot_be_an_event_are_refused_by_name(producer, bad):
    good = {"model_id": "m", "model_version": "1", "prediction_id": "a", "features": {}}
    with client(producer) as emit, pytest.raises(InvalidRecord) as refused:
        emit.predict(**(good | bad))
    assert refused.value.field in {"prediction_id", "model_id", "model_version", "x", "prediction"}


def test_an_unknown_outcome_is_no_label(producer):
    with client(producer) as emit, pytest.raises(InvalidRecord, match="missing_field"):
        emit.label("m", "a", None)


def test_a_datetime_travels_as_microseconds_utc(producer):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    features = {"aware": noon.astimezone(timezone(timedelta(hours=9))), "naive": noon.replace(tzinfo=None), "day": noon.date()}
    with client(producer) as emit:
        emit.predict("m", "1", "id-1", features)
    columns = batches.to_columns(producer.records[0][1]).columns
    assert {name: columns[name].values.tolist() for name in features} == {
        "aware": [1_772_366_400_000_000.0],
        "naive": [1_772_366_400_000_000.0],
        "day": [1_772_323_200_000_000.0],
    }
