import asyncio

import pytest

from driftline.kafka.errors import KafkaFailure, RecordTooLarge
from driftline.kafka.ports import Delivery
from services.ingest.adapters import outbox as module
from services.ingest.adapters.outbox import BrokerSilent, Busy, Outbox, Record


class SlowProducer:
    """Keeps its reports until it is told to give them."""

    def __init__(self):
        self.waiting = []
        self.sent = []
        self.closed = False

    def produce(self, topic, value, *, key=None, headers=(), partition=None, on_delivery=None):
        if value == b"huge":
            raise RecordTooLarge("the record is too large")
        self.sent.append(value)
        self.waiting.append(on_delivery)

    def report(self, error=None):
        waiting, self.waiting = self.waiting, []
        for number, on_delivery in enumerate(waiting):
            on_delivery(Delivery("t", 0, number, error))

    def poll(self, timeout_seconds=0.0):
        return 0

    def flush(self, timeout_seconds):
        return len(self)

    def __len__(self):
        return len(self.waiting)

    def close(self):
        self.closed = True


def record(value=b"x"):
    return Record("t", value)


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def run(scenario):
    producer = SlowProducer()
    asyncio.run(scenario(producer, Outbox(producer)))


def test_send_returns_only_when_every_record_is_acknowledged():
    async def scenario(producer, outbox):
        sending = asyncio.create_task(outbox.send([record(), record()]))
        await settle()
        assert not sending.done()
        producer.waiting[0](Delivery("t", 0, 0))
        await settle()
        assert not sending.done()
        producer.waiting[1](Delivery("t", 0, 1))
        await settle()
        assert sending.done()
        await sending

    run(scenario)


def test_one_record_that_fails_fails_the_request():
    async def scenario(producer, outbox):
        sending = asyncio.create_task(outbox.send([record(), record()]))
        await settle()
        producer.waiting[0](Delivery("t", 0, 0))
        producer.waiting[1](Delivery("t", 0, -1, "_MSG_TIMED_OUT"))
        with pytest.raises(BrokerSilent, match="_MSG_TIMED_OUT"):
            await sending

    run(scenario)


def test_while_the_broker_is_silent_one_request_tries_and_the_others_are_turned_away_at_once():
    async def scenario(producer, outbox):
        first = asyncio.create_task(outbox.send([record()]))
        await settle()
        producer.report("_MSG_TIMED_OUT")
        with pytest.raises(BrokerSilent):
            await first
        trying = asyncio.create_task(outbox.send([record(b"trying")]))
        await settle()
        with pytest.raises(BrokerSilent):
            await outbox.send([record(b"turned away")])
        assert producer.sent == [b"x", b"trying"]
        producer.report()
        await trying
        after = asyncio.create_task(outbox.send([record()]))
        also = asyncio.create_task(outbox.send([record()]))
        await settle()
        producer.report()
        await asyncio.gather(after, also)

    run(scenario)


def test_more_records_than_the_queue_has_room_for_are_turned_away(monkeypatch):
    monkeypatch.setattr(module, "_IN_FLIGHT_RECORDS", 3)

    async def scenario(producer, outbox):
        first = asyncio.create_task(outbox.send([record()] * 2))
        await settle()
        with pytest.raises(Busy):
            await outbox.send([record()] * 2)
        producer.report()
        await first
        large = asyncio.create_task(outbox.send([record()] * 9))  # alone, it is let in
        await settle()
        producer.report()
        await large

    run(scenario)


def test_a_record_that_cannot_be_queued_fails_its_request_and_takes_no_room():
    async def scenario(producer, outbox):
        sending = asyncio.create_task(outbox.send([record(), record(b"huge")]))
        await settle()
        producer.report()
        with pytest.raises(BrokerSilent, match="too large"):
            await sending

    run(scenario)


def test_a_caller_that_hangs_up_leaves_its_room_taken_until_the_broker_answers(monkeypatch):
    monkeypatch.setattr(module, "_IN_FLIGHT_RECORDS", 1)

    async def scenario(producer, outbox):
        sending = asyncio.create_task(outbox.send([record()]))
        await settle()
        sending.cancel()
        await settle()
        with pytest.raises(Busy):
            await outbox.send([record()])
        producer.report()
        await settle()
        again = asyncio.create_task(outbox.send([record()]))
        await settle()
        producer.report()
        await again

    run(scenario)


def test_reports_are_served_by_a_thread_until_the_outbox_stops():
    producer = SlowProducer()
    outbox = Outbox(producer)
    outbox.start()
    outbox.stop()

    outbox.check()
    assert producer.closed


def test_a_producer_that_cannot_go_on_is_not_passed_over():
    class Broken(SlowProducer):
        def poll(self, timeout_seconds=0.0):
            raise KafkaFailure("out of order sequence number")

    outbox = Outbox(Broken())
    outbox.start()
    outbox.stop()

    with pytest.raises(KafkaFailure, match="out of order"):
        outbox.check()
