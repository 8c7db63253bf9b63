import pytest

from driftline import codec, topics
from driftline.envelope import Envelope, deterministic_id
from driftline.errors import InvalidRecord
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.preflight import new_topic
from services.alerting.adapters.received import received
from services.alerting.consumer import Intake
from services.alerting.jobs.catch_up import CatchUp
from services.alerting.store import alerts
from tests.unit.alerting.builders import cleared, detected

TOPIC = topics.name("drift-events")


@pytest.fixture
def cluster(parts):
    cluster = MemoryCluster(parts.clock)
    cluster.admin().create([new_topic(topics.catalogue()["drift-events"])])
    return cluster


def write(cluster, *events, commit=True):
    producer = cluster.transactional_producer("writer")
    producer.init_transactions()
    producer.begin()
    for event in events:
        name = type(event).__name__
        envelope = Envelope(id=deterministic_id(name, event.episode_id, event.sequence), type=name, source="/drift", time_us=1)
        producer.produce(TOPIC, codec.encode(event), key=event.model_id.encode(), headers=envelope.headers())
    producer.flush(1)
    if commit:
        producer.commit()
    else:
        producer.abort()


def read_up(parts, cluster, stopping=lambda: False):
    described = cluster.admin().describe([TOPIC])
    ids = {name: topic.topic_id for name, topic in described.items()}
    intake = Intake(parts.database, parts.in_force, parts.dispatcher._outlook.links, ids, parts.clock)
    seen = []

    def handle(messages, *, news):
        seen.append((len(messages), news))
        intake.handle([received(message) for message in messages], news=news)

    count = CatchUp(parts.database, cluster.admin(), cluster.consumer(), described).run(handle, stopping)
    intake.open_all()
    return count, seen


def firing(parts):
    with parts.database.read() as tx:
        return sorted(alert.model_id for alert in alerts.firing(tx))


def test_an_empty_database_reads_everything_in_silence(parts, cluster) -> None:
    write(cluster, *(detected(model_id=f"m{number}", episode_id=f"e{number}") for number in range(10)))
    write(cluster, cleared(model_id="m0", episode_id="e0"))
    count, seen = read_up(parts, cluster)
    assert count == 11
    assert {news for _, news in seen} == {False}
    assert firing(parts) == [f"m{number}" for number in range(1, 10)]
    assert len(parts.events()) == 9


def test_later_only_what_was_missed_is_read_and_it_is_news(parts, cluster) -> None:
    write(cluster, detected())
    read_up(parts, cluster)
    assert read_up(parts, cluster)[0] == 0
    write(cluster, detected(model_id="other", episode_id="b"))
    assert read_up(parts, cluster) == (1, [(1, True)])


def test_an_aborted_transaction_at_the_end_neither_counts_nor_blocks(parts, cluster) -> None:
    write(cluster, detected())
    write(cluster, detected(model_id="never", episode_id="never"), commit=False)
    assert read_up(parts, cluster)[0] == 1
    assert firing(parts) == ["flights.delay"]


def test_a_topic_that_was_created_anew_is_read_from_its_start(parts, cluster) -> None:
    write(cluster, detected())
    read_up(parts, cluster)
    cluster.admin().delete([TOPIC])
    cluster.admin().create([new_topic(topics.catalogue()["drift-events"])])
    write(cluster, detected(model_id="other", episode_id="b"))
    assert read_up(parts, cluster)[0] == 1


def test_a_record_that_cannot_be_read_stops_it(parts, cluster) -> None:
    producer = cluster.producer()
    producer.produce(TOPIC, b"no avro", key=b"m")
    producer.flush(1)
    with pytest.raises(InvalidRecord):
        read_up(parts, cluster)


def test_it_stops_when_told(parts, cluster) -> None:
    write(cluster, detected())
    assert read_up(parts, cluster, stopping=lambda: True)[0] == 0
