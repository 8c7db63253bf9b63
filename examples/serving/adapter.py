"""Reads `serving-commands` from its beginning, which holds the last command of every model, and follows it."""

from collections.abc import Callable, Mapping

from driftline import codec, topics
from driftline.clock import Clock
from driftline.envelope import Envelope, deterministic_id
from driftline.events import ServingCommand
from driftline.kafka.ports import Cluster, TopicPartition
from examples.serving.router import Router

COMMANDS, STATUS = topics.name("serving-commands"), topics.name("serving-status")
SOURCE = "/examples/serving"


class Adapter:
    """Keeps routers as the commands want them, and says so."""

    def __init__(self, cluster: Cluster, routers: Mapping[str, Router], clock: Clock) -> None:
        """`routers` by model."""
        self._consumer = cluster.consumer()
        self._producer = cluster.producer()
        self._routers = routers
        self._clock = clock
        (topic,) = cluster.admin().describe([COMMANDS]).values()
        places = [TopicPartition(COMMANDS, number) for number in range(topic.partitions)]
        self._consumer.assign(cluster.admin().begin_offsets(places))

    def follow(self, stopping: Callable[[], bool]) -> None:
        """Follow until told to stop."""
        while not stopping():
            self.step(0.5)

    def step(self, seconds: float) -> int:
        """Put into effect what has come; returns how many commands were new."""
        changed = 0
        for message in self._consumer.consume(100, seconds):
            command = codec.decode(message.value() or b"")
            assert isinstance(command, ServingCommand)
            router = self._routers.get(command.model_id)
            if router is not None and router.apply(command):
                changed += 1
                self._say(router)
        self._producer.flush(10)
        return changed

    def close(self) -> None:
        """Let go of Kafka."""
        self._consumer.close()
        self._producer.close()

    def _say(self, router: Router) -> None:
        now = self._clock.now_us()
        said = router.observed(now)
        made = deterministic_id(SOURCE, router.model_id, router.revision, said.error or "")
        envelope = Envelope(id=made, type="ServingObserved", source=SOURCE, time_us=now, subject=router.model_id)
        self._producer.produce(STATUS, codec.encode(said), key=router.model_id.encode(), headers=envelope.headers())
