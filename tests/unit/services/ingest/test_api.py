"""The HTTP interface over the in-memory twin of Kafka; requests go through the application without a socket."""

import asyncio

import httpx
import numpy as np
import orjson
import pytest
from prometheus_client import REGISTRY

from bench.ingest_process import MODEL, baseline, monitor
from driftline import batches, codec, topics
from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.events import ColumnKind, DeadLetter, MonitorColumn, PredictionBatch
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.health import Health
from services.ingest.api.application import application
from tests.unit.services.ingest.house import MINUTE, NOON, NOW, House, event, without


def test_a_single_prediction_is_stored_and_answered_202(house):
    answer = house.post("/v1/predictions", event())

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    ((partition, batch),) = house.read("predictions")
    assert isinstance(batch, PredictionBatch)
    assert partition == partition_for(b"p1", topics.catalogue()["predictions"].partitions)
    assert (batch.model_id, batch.model_version, batch.rows) == (MODEL, "3", 1)


def test_a_batch_is_split_by_the_partition_of_each_id(house):
    answer = house.post("/v1/predictions", {"events": [event(n) for n in range(100)]})

    assert answer.json()["accepted"] == 100
    found = house.read("predictions")
    assert len({partition for partition, _ in found}) == 8
    for partition, batch in found:
        for raw in batches.to_columns(batch).prediction_ids:
            assert partition_for(raw, 8) == partition
    assert house.stored_ids() == sorted(f"p{n}" for n in range(100))


def test_the_records_say_who_sent_them(house):
    house.post("/v1/predictions", event())

    consumer = house.cluster.consumer()
    consumer.assign({TopicPartition(topics.name("predictions"), n): 0 for n in range(8)})
    headers = dict(consumer.consume(10, 0)[0].headers())
    assert headers["ce_type"] == b"io.driftline.PredictionBatch"
    assert headers["ce_source"] == b"/ingest"
    assert headers["ce_actor"] == b"shop"
    assert headers["ce_subject"] == MODEL.encode()


def test_requests_that_come_together_keep_their_own_outcomes(house):
    bodies = [
        {"events": [event(1), event(2, score=7.0)]},
        {"events": [event(3, event_time=None), event(4)]},
        {"events": [event(5)]},
        event(6, model_id="other.model"),
    ]

    found = house.post("/v1/predictions", *bodies)

    assert [answer.status_code for answer in found] == [202, 202, 202, 404]
    assert [answer.json().get("accepted") for answer in found] == [1, 1, 1, None]
    assert [[r["index"] for r in answer.json()["rejected"]] for answer in found] == [[1], [0], [], [0]]
    assert house.stored_ids() == ["p1", "p4", "p5"]
    assert {(dead.reason, dead.rows) for _, dead in house.read("dead-letters")} == {
        ("out_of_range", (1,)),
        ("missing_field", (0,)),
        ("unknown_model", (0,)),
    }


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (without(event(), "prediction_id"), "missing_field", "prediction_id"),
        (without(event(), "event_time"), "missing_field", "event_time"),
        (without(event(), "model_version"), "missing_field", "model_version"),
        (without(event(), "model_id"), "missing_field", "model_id"),
        (event(prediction_id=""), "invalid_id", "prediction_id"),
        (event(prediction_id="x" * 129), "invalid_id", "prediction_id"),
        (event(prediction_id="é" * 65), "invalid_id", "prediction_id"),
        (event(prediction_id=7), "wrong_type", "prediction_id"),
        (event(model_version=3), "wrong_type", "model_version"),
        (event(model_id="x" * 129), "invalid_id", "model_id"),
        (event(event_time="yesterday"), "wrong_type", "event_time"),
        (event(event_time="2026-11-21T10:00:00"), "wrong_type", "event_time"),
        (event(event_time=1.5), "wrong_type", "event_time"),
        (event(event_time=True), "wrong_type", "event_time"),
        (event(event_time=2**63), "wrong_type", "event_time"),
        (event(event_time=-(2**63)), "out_of_range", "event_time"),
        (event(event_time=NOW + 6 * MINUTE), "future_event_time", "event_time"),
        (event(score=1.5), "out_of_range", "score"),
        (event(score="high"), "wrong_type", "score"),
        (event(prediction=3.0), "wrong_type", "prediction"),
        (event(prediction=["yes"]), "wrong_type", "prediction"),
        (event(latency_ms="fast"), "wrong_type", "latency_ms"),
        (event(latency_ms={}), "wrong_type", "latency_ms"),
        (event(features={"num_0": "text"}), "wrong_type", "num_0"),
        (event(features={"num_0": True}), "wrong_type", "num_0"),
        (event(features={"cat_0": 5}), "wrong_type", "cat_0"),
        (event(features={"unwatched": [1]}), "wrong_type", "unwatched"),
        (event(features={":score": 0.5}), "wrong_type", "features.:score"),
        (event(features=[1]), "wrong_type", "features"),
        ("text", "wrong_type", "event"),
        (None, "wrong_type", "event"),
        ([], "wrong_type", "event"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_dead_lettered_while_the_others_are_stored(house, row, reason, field):
    answer = house.post("/v1/predictions", {"events": [event(8), row, event(9)]})

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["reason"], rejected["field"]) == (1, reason, field)
    assert rejected["detail"]
    ((_, dead),) = house.read("dead-letters")
    assert isinstance(dead, DeadLetter)
    assert (dead.reason, dead.field, dead.rows, dead.rejected_by) == (reason, field, (1,), "ingest")
    assert orjson.loads(dead.source_value or b"") == {"events": [row]}
    assert house.stored_ids() == ["p8", "p9"]


def test_one_dead_letter_holds_all_rows_with_the_same_reason(house):
    house.post("/v1/predictions", {"events": [event(n, score=9.0 if n % 2 else 0.5) for n in range(10)]})

    ((_, dead),) = house.read("dead-letters")
    assert dead.rows == (1, 3, 5, 7, 9)
    assert len(orjson.loads(dead.source_value)["events"]) == 5


def test_an_unknown_model_is_404_and_dead_lettered(house):
    answer = house.post("/v1/predictions", event(model_id="no.such"))

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unknown_model"
    assert "driftline monitor apply" in answer.json()["detail"]
    ((_, dead),) = house.read("dead-letters")
    assert (dead.reason, dead.model_id) == ("unknown_model", "no.such")
    assert house.read("predictions") == []


def test_an_unknown_model_in_a_batch_costs_only_its_own_rows(house):
    answer = house.post("/v1/predictions", {"events": [event(1), event(2, model_id="no.such"), event(3, model_version="4")]})

    assert answer.json()["accepted"] == 2
    assert answer.json()["rejected"][0]["reason"] == "unknown_model"
    assert sorted(batch.model_version for _, batch in house.read("predictions")) == ["3", "4"]


def test_where_no_row_is_good_the_answer_is_422_with_every_reason(house):
    answer = house.post("/v1/predictions", {"events": [event(score=2.0), without(event(), "prediction_id")]})

    assert answer.status_code == 422
    assert answer.json()["code"] == "no_event_accepted"
    assert [r["reason"] for r in answer.json()["rejected"]] == ["out_of_range", "missing_field"]
    single = house.post("/v1/predictions", event(score=2.0))
    assert (single.status_code, single.json()["code"]) == (422, "out_of_range")
    assert single.json()["errors"][0]["field"] == "score"


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": "\xff"}', b'"\\ud800"', b"[1]]"]
)
def test_what_is_no_json_is_400_and_says_what_to_send(house, body):
    answer = house.post("/v1/predictions", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert "null" in answer.json()["remedy"]
    assert house.read("dead-letters") == []


@pytest.mark.parametrize("body", [b"[]", b"3", b'"x"', b'{"events": []}', b'{"events": {}}', b'{"events": null}'])
def test_a_body_without_events_is_422(house, body):
    assert house.post("/v1/predictions", body).status_code == 422


def test_a_body_beyond_the_limit_is_413(house):
    answer = house.post("/v1/predictions", b" " * 100_001)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("token", ["", "dl_000000000000_" + "x" * 43, "nonsense"])
def test_without_a_good_token_nothing_is_taken(house, token):
    answer = house.post("/v1/predictions", event(), token=token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert house.read("predictions") == []
    assert house.read("dead-letters") == []


def test_a_token_without_the_role_is_403(house):
    answer = house.post("/v1/predictions", event(), token=house.viewer)

    assert answer.status_code == 403
    assert "producer" in answer.json()["remedy"]


def test_times_may_be_rfc_3339(house):
    house.clock = ManualClock(NOW)
    answer = house.post("/v1/predictions", event(event_time="2013-03-01T05:15:00-05:00"))

    assert answer.status_code == 202
    ((_, batch),) = house.read("predictions")
    assert batches.to_columns(batch).event_times.tolist() == [1_362_132_900_000_000]


def test_a_tolerated_skew_is_taken(house):
    assert house.post("/v1/predictions", event(event_time=NOW + 4 * MINUTE)).status_code == 202


def test_a_required_column_that_is_missing_is_refused(house):
    column = MonitorColumn(name="num_0", kind=ColumnKind.NUMERIC, required=True)
    house.watch(monitor(model_id="shop.strict", columns=(column,), baseline_id="b2"))

    answer = house.post("/v1/predictions", {"events": [event(1, model_id="shop.strict", features={}),
                                                       event(2, model_id="shop.strict", features={"num_0": None}),
                                                       event(3, model_id="shop.strict")]})  # fmt: skip

    assert [(r["index"], r["reason"], r["field"]) for r in answer.json()["rejected"]] == [
        (0, "missing_field", "num_0"),
        (1, "missing_field", "num_0"),
    ]


def test_each_row_is_judged_by_the_monitor_version_of_its_event_time(house):
    stricter = tuple(MonitorColumn(name=c.name, kind=c.kind, required=True) for c in monitor().columns)
    house.watch(monitor(monitor_version=2, effective_from=NOW - 50, columns=stricter))

    answer = house.post("/v1/predictions", {"events": [event(n) for n in (10, 100)]})

    assert [(r["index"], r["reason"]) for r in answer.json()["rejected"]] == [(0, "missing_field")]
    assert house.stored_ids() == ["p100"]


def test_too_much_at_once_is_429_with_retry_after(house):
    house.desk.limit_bytes = 300
    body = orjson.dumps(event(1))
    assert 150 < len(body) < 300

    found = house.post("/v1/predictions", body, orjson.dumps(event(2)))

    assert sorted(answer.status_code for answer in found) == [202, 429]
    turned_away = max(found, key=lambda answer: answer.status_code)
    assert turned_away.headers["retry-after"] == "1"
    assert len(house.stored_ids()) == 1


def test_an_acknowledgement_that_does_not_come_is_503_and_gives_the_key_back(house):
    name = topics.name("predictions")
    house.cluster.admin().delete([name])
    failed = house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k1"})
    house.cluster.admin().create([NewTopic(name, 8)])
    again = house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k1"})

    assert (failed.status_code, failed.json()["code"]) == (503, "broker_silent")
    assert failed.headers["retry-after"] == "5"
    assert again.status_code == 202
    assert house.stored_ids() == ["p1"]


def test_a_row_that_kafka_cannot_take_is_refused_and_its_neighbours_are_stored(tmp_path):
    house = House(tmp_path)
    house.app = application(house.desk, Health(), body_limit=10_000_000)
    house.desk.limit_bytes = 10_000_000

    answer = house.post("/v1/predictions", {"events": [event(1), event(2, features={"note": "x" * 1_000_001})]})

    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0]["reason"] == "too_large"
    ((_, dead),) = house.read("dead-letters")
    assert dead.source_value is None
    assert "is not kept" in dead.detail
    house.keys.close()


def test_a_large_batch_is_cut_into_messages_of_256_kb(tmp_path):
    house = House(tmp_path)
    house.app = application(house.desk, Health(), body_limit=10_000_000)
    house.desk.limit_bytes = 10_000_000
    rows = [event(n, features={"note": f"{n}" * 3000}) for n in range(300)]

    answer = house.post("/v1/predictions", {"events": rows})

    assert answer.json()["accepted"] == 300
    assert house.stored_ids() == sorted(f"p{n}" for n in range(300))
    assert all(len(codec.encode(batch)) <= batches.MAXIMUM_BYTES for _, batch in house.read("predictions"))
    house.keys.close()


def test_the_openapi_page_describes_both_doors(house):
    async def get():
        transport = httpx.ASGITransport(house.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            return [await client.get(path) for path in ("/openapi.json", "/docs", "/redoc")]

    document, *pages = asyncio.run(get())

    assert [page.status_code for page in pages] == [200, 200]
    found = document.json()
    for path in ("/v1/predictions", "/v1/labels"):
        operation = found["paths"][path]["post"]
        assert operation["security"] == [{"bearer": []}]
        assert {"202", "400", "401", "404", "413", "422", "429", "503"} <= set(operation["responses"])
        assert operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"][0]["example"]
    assert found["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_the_examples_of_the_openapi_page_are_taken(house):
    from services.ingest.api.openapi import LABEL, PREDICTION

    house.watch(monitor(model_id="shop.churn", baseline_id="b2"))

    assert house.post("/v1/predictions", PREDICTION["example"] | {"event_time": NOW}).status_code == 202
    assert house.post("/v1/labels", LABEL["example"] | {"label_time": NOW}).status_code == 202


def test_monitors_are_followed_from_their_topics(house):
    producer = house.cluster.producer()
    watched = monitor(model_id="shop.new", baseline_id="b9")
    producer.produce(topics.name("baselines"), codec.encode(baseline(watched)), key=b"b9")
    producer.produce(topics.name("monitors"), codec.encode(watched), key=b"shop.new/1")
    producer.flush(1)
    house.catalogue.refresh()

    assert house.directory.lots("shop.new", np.array([NOW])) is not None
    assert house.directory.lots("shop.old", np.array([NOW])) is None
    assert REGISTRY.get_sample_value("driftline_ingest_models") == 2


def test_other_methods_are_405_and_say_which_is_taken(house):
    async def get():
        transport = httpx.ASGITransport(house.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            return await client.get("/v1/predictions")

    answer = asyncio.run(get())

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_failure_on_our_side_is_a_500_that_tells_nothing_of_the_inside(house):
    def broken(*_arguments, **_options):
        raise RuntimeError("secret of the inside")

    house.directory.lots = broken

    answer = house.post("/v1/predictions", event())

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_memory_of_keys_that_does_not_answer_is_503(house):
    house.keys.claim = lambda *_: (_ for _ in ()).throw(Unavailable("no Redis"))

    answer = house.post("/v1/predictions", event(), headers={"Idempotency-Key": "k1"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert house.stored_ids() == []


def test_times_and_texts_are_taken_as_they_are_and_lists_are_not(house):
    kinds = {"booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}
    columns = tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items())
    house.watch(monitor(model_id="shop.trips", baseline_id="b2", columns=columns))
    features = [
        {"booked": "2026-03-01T12:00:00+01:00", "remark": "gr\u00fc\u00df"},
        {"booked": NOON, "remark": None},
        {"booked": "some day", "remark": ""},
        {"booked": [1], "remark": "a"},
        {"booked": None, "remark": 7},
    ]
    answer = house.post(
        "/v1/predictions", {"events": [event(n, model_id="shop.trips", features=f) for n, f in enumerate(features)]}
    )

    assert answer.json()["accepted"] == 3
    assert [(refused["index"], refused["field"]) for refused in answer.json()["rejected"]] == [(3, "booked"), (4, "remark")]
