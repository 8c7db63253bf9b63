from driftline import codec, topics
from driftline.envelope import read
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.runtime.preflight import new_topic
from services.alerting.jobs.publisher import Publisher
from services.alerting.store import outbox
from tests.unit.alerting.builders import cleared, detected


def cluster_with_topics(clock):
    cluster = MemoryCluster(clock)
    cluster.admin().create([new_topic(topics.catalogue()[name]) for name in ("alerts", "notifications")])
    return cluster


def left(parts):
    with parts.database.read() as tx:
        return outbox.pending_events(tx, 1000)


def test_events_reach_their_topics_in_order_under_the_groups_key(parts) -> None:
    cluster = cluster_with_topics(parts.clock)
    parts.take(detected(), cleared())
    Publisher(parts.database, cluster.producer(), parts.clock).run_once(lambda: None)
    assert left(parts) == []
    first, second = cluster.records(topics.name("alerts"))
    assert [type(codec.decode(record.value())).__name__ for record in (first, second)] == ["AlertFired", "AlertResolved"]
    assert first.key() == second.key() == b'{}:{model_id="flights.delay"}'
    assert first.partition() == second.partition() == partition_for(first.key(), 4)
    envelope = read(first.headers())
    assert envelope is not None
    assert (envelope.type, envelope.source) == ("AlertFired", "/alerting")


def test_what_kafka_does_not_take_stays_and_goes_later_under_its_id(parts) -> None:
    cluster = cluster_with_topics(parts.clock)
    publisher = Publisher(parts.database, cluster.producer(), parts.clock)
    parts.take(detected())
    (event,) = left(parts)
    cluster.set_available(False)
    due = publisher.run_once(lambda: None)
    assert due is not None
    assert due > parts.clock.now_us()
    assert publisher.last_error is not None
    assert left(parts) == [event]
    cluster.set_available(True)
    publisher.run_once(lambda: None)
    assert left(parts) == []
    envelopes = [read(record.headers()) for record in cluster.records(topics.name("alerts"))]
    assert {envelope.id for envelope in envelopes if envelope is not None} == {event.envelope.id}


def test_of_several_replicas_one_publishes_until_it_stops_or_falls_silent(parts) -> None:
    cluster = cluster_with_topics(parts.clock)

    def replica() -> Publisher:
        return Publisher(parts.database, cluster.producer(), parts.clock, shared=True)

    first, second, third = replica(), replica(), replica()
    parts.take(detected())
    assert first.run_once(lambda: None) is None
    parts.take(cleared())
    due = second.run_once(lambda: None)
    assert due is not None
    assert due > parts.clock.now_us()
    assert len(left(parts)) == 1
    parts.clock.advance(29_000_000)
    first.close()
    assert left(parts) == []
    parts.take(detected(model_id="shop.churn", episode_id="churn"))
    assert second.run_once(lambda: None) is None
    parts.take(detected(model_id="shop.returns", episode_id="returns"))
    assert third.run_once(lambda: None) is not None
    parts.clock.advance(30_000_000)
    assert third.run_once(lambda: None) is None
    assert left(parts) == []
    parts.take(detected(model_id="shop.baskets", episode_id="baskets"))
    assert second.run_once(lambda: None) is not None
    assert len(cluster.records(topics.name("alerts"))) == 4
