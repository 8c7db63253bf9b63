"""driftline.sdk on real Kafka."""

import pytest

from driftline import batches, codec, topics
from driftline.broker.embedded import EmbeddedBroker
from driftline.errors import DriftlineError
from driftline.events import Label, PredictionBatch
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.sdk import Client

pytestmark = pytest.mark.integration


def test_predictions_and_labels_arrive_once_and_meet(own_broker: EmbeddedBroker):
    own_broker.start()
    cluster = ConfluentCluster.at(own_broker.bootstrap)
    with pytest.raises(DriftlineError, match="driftline topics apply"):
        Client.connect(own_broker.bootstrap)
    names = [topics.name("predictions"), topics.name("labels")]
    cluster.admin().create([NewTopic(name, 4) for name in names])
    with Client.connect(own_broker.bootstrap) as client:
        for i in range(500):
            client.predict("m", "1", f"id-{i}", {"x": float(i)})
            client.label("m", f"id-{i}", "late")
    assert client.statistics().delivered == 1000
    consumer = cluster.consumer()
    consumer.assign({TopicPartition(name, p): 0 for name in names for p in range(4)})
    predicted: dict[str, int] = {}
    labelled: dict[str, int] = {}
    while len(labelled) < 500 or len(predicted) < 500:
        for message in consumer.consume(1000, 1.0):
            event = codec.decode(message.value() or b"")
            if isinstance(event, PredictionBatch):
                predicted |= {i.decode(): message.partition() for i in batches.to_columns(event).prediction_ids}
            elif isinstance(event, Label):
                labelled[event.prediction_id] = message.partition()
    consumer.close()
    assert predicted == labelled
