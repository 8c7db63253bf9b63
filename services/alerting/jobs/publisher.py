"""Brings the events of the outbox to Kafka, in the order of their decisions; a repeat after a crash has the same id."""

from collections.abc import Callable

from driftline.clock import Clock
from driftline.errors import Unavailable
from driftline.kafka.errors import QueueFull
from driftline.kafka.ports import Delivery, Producer
from services.alerting.store import outbox
from services.alerting.store.database import Database

_AT_ONCE = 500
_FLUSH_SECONDS = 10.0
_PAUSE_US = 1_000_000
"""Between tries while Kafka does not take events, or another replica publishes."""
_TURN_US = 30_000_000
"""After which another replica goes on where this one stopped; of what it was publishing some may come twice, under the same id."""


class Unheard:
    """Without Kafka nobody hears of events, and none are kept."""

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """There is nothing to bring anywhere."""
        return None

    def close(self) -> None:
        """Nothing is open."""


class Publisher:
    """The only one that writes to `alerts` and `notifications`."""

    def __init__(self, database: Database, producer: Producer, clock: Clock, *, shared: bool = False) -> None:
        """`shared`: other replicas write to the database too; one of them publishes at a time, so that the order holds."""
        self._shared = shared
        self._turn_ends = 0
        self._database = database
        self._producer = producer
        self._clock = clock
        self._under_way: set[int] = set()
        self._acknowledged: list[int] = []
        self.last_error: str | None = None
        """Why Kafka did not take an event at the last try; None where it took all."""

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Publish what waits; what Kafka does not acknowledge stays and is tried again."""
        while True:
            with self._database.read() as tx:
                events = outbox.pending_events(tx, _AT_ONCE)
            if not events:
                return None
            if self._shared and self._clock.now_us() > self._turn_ends - _TURN_US // 2:
                if not self._take_turn():
                    return self._clock.now_us() + _PAUSE_US
                continue  # what was read before may have been published meanwhile
            self._publish(events)
            done, self._acknowledged = self._acknowledged, []
            if done:
                with self._database.write() as tx:
                    outbox.remove_events(tx, done)
            if self.last_error is not None or len(done) < len(events):
                return self._clock.now_us() + _PAUSE_US
            if len(events) < _AT_ONCE:
                return None  # who writes more wakes us

    def close(self) -> None:
        """Publish what was written last, and let go."""
        self.run_once(lambda: None)
        self._producer.close()
        if self._turn_ends:
            with self._database.write() as tx:
                outbox.end_turn(tx, self._turn_ends)

    def _take_turn(self) -> bool:
        now = self._clock.now_us()
        with self._database.write() as tx:
            taken = outbox.take_turn(tx, mine=self._turn_ends, now=now, until=now + _TURN_US)
        self._turn_ends = now + _TURN_US if taken else 0
        return taken

    def _publish(self, events: list[outbox.OutEvent]) -> None:
        self.last_error = None
        try:
            # What an earlier try left in the client's queue may still arrive: it is not sent beside itself.
            for event in events if not self._under_way else ():
                self._under_way.add(event.seq)
                self._producer.produce(
                    event.topic,
                    event.value,
                    key=event.key.encode(),
                    headers=event.envelope.headers(),
                    on_delivery=self._answered(event.seq),
                )
            if self._producer.flush(_FLUSH_SECONDS):
                self.last_error = f"Kafka has not acknowledged events for {_FLUSH_SECONDS:.0f} s"
        except (Unavailable, QueueFull) as error:
            self._under_way.clear()
            self.last_error = str(error)

    def _answered(self, seq: int) -> Callable[[Delivery], None]:
        def note(delivery: Delivery) -> None:
            self._under_way.discard(seq)
            if delivery.error is None:
                self._acknowledged.append(seq)
            else:
                self.last_error = delivery.error

        return note
