"""A topic from its beginning to where it ends now."""

from collections.abc import Iterator

from driftline.errors import ConfigurationError
from driftline.kafka.errors import KafkaUnavailable
from driftline.kafka.ports import Cluster, Isolation, Message, TopicPartition

_QUIET_POLLS = 100


def read_all(kafka: Cluster, name: str) -> Iterator[Message]:
    """Every record that is kept and committed, each partition in order.

    Raises ConfigurationError if there is no such topic, KafkaUnavailable if it cannot be read to its end.
    """
    admin = kafka.admin()
    described = admin.describe([name])
    if name not in described:
        raise ConfigurationError(f"topic {name} does not exist: run `driftline topics apply`")
    places = [TopicPartition(name, number) for number in range(described[name].partitions)]
    begins, ends = admin.begin_offsets(places), admin.end_offsets(places, Isolation.READ_COMMITTED)
    left = {place for place in places if begins[place] < ends[place]}
    if not left:
        return
    consumer = kafka.consumer()
    try:
        consumer.assign({place: begins[place] for place in left})
        quiet = 0
        while left:
            messages = consumer.consume(1000, 0.1)
            yield from messages
            positions = consumer.positions(left)
            left = {place for place in left if positions.get(place, 0) < ends[place]}
            quiet = 0 if messages else quiet + 1
            if quiet > _QUIET_POLLS:
                raise KafkaUnavailable(f"topic {name} could not be read to its end; try again")
    finally:
        consumer.close()
