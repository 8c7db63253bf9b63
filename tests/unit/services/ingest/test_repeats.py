"""Requests that are sent again under the same Idempotency-Key."""

from tests.unit.services.ingest.house import event, label


def test_the_same_key_and_body_is_stored_once_and_answered_alike(house):
    body = {"events": [event(1), event(2, score=5.0)]}

    first = house.post("/v1/predictions", body, headers={"Idempotency-Key": "k1"})
    again = house.post("/v1/predictions", body, headers={"Idempotency-Key": "k1"})

    assert first.status_code == again.status_code == 202
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert house.stored_ids() == ["p1"]


def test_the_same_key_with_another_body_is_422(house):
    house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k1"})

    answer = house.post("/v1/predictions", event(2), headers={"Idempotency-Key": "k1"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert house.stored_ids() == ["p1"]


def test_a_key_belongs_to_its_door(house):
    house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k1"})

    assert house.post("/v1/labels", label(1), headers={"Idempotency-Key": "k1"}).status_code == 202


def test_two_at_once_with_one_key_store_it_once(house):
    found = house.post("/v1/predictions", event(1), event(1), headers={"Idempotency-Key": "k1"})

    assert sorted(answer.status_code for answer in found) == [202, 409]
    assert house.stored_ids() == ["p1"]


def test_a_refused_request_gives_its_key_back(house):
    refused = house.post("/v1/predictions", event(1, score=5.0), headers={"Idempotency-Key": "k1"})
    mended = house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k1"})

    assert (refused.status_code, mended.status_code) == (422, 202)


def test_an_impossible_key_is_400(house):
    assert house.post("/v1/predictions", event(1), headers={"Idempotency-Key": "k" * 256}).status_code == 400
