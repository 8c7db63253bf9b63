"""The senders of all channels: one each, in a thread of its own; they follow the plan when it changes."""

import threading
from collections.abc import Callable

from driftline.clock import Clock
from driftline.runtime.health import Health
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.plan import PlanInForce
from services.alerting.jobs.beat import Beat
from services.alerting.jobs.sender import Sender, SenderOptions

_REST_SECONDS = 0.01
"""Between two rests no more leaves than a sender has workers: in a flood a longer one, not the work, would be what it waits for."""

Build = Callable[[Channel, SenderOptions], Sender]


class Senders:
    """A part of the process."""

    def __init__(
        self, in_force: PlanInForce, build: Build, options: Callable[[str], SenderOptions], clock: Clock, health: Health
    ) -> None:
        """`options` says by its name how a channel is sent to."""
        self._in_force = in_force
        self._build = build
        self._options = options
        self._clock = clock
        self._health = health
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Sender, Beat]] = {}
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Send until stopped; what a sender raises ends the process."""
        self.follow()
        self._ended.wait()
        with self._lock:
            beats = [beat for _, beat in self._running.values()]
        for beat in beats:
            beat.stop()
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Finish what is being sent and send no more."""
        self._ended.set()

    def wake(self) -> None:
        """Something was written for one of them; from any thread."""
        for _, beat in tuple(self._running.values()):
            beat.wake()

    def follow(self) -> None:
        """Send by the plan in force: messages under way end as they began, and none is sent twice for it."""
        channels = self._in_force.plan.channels
        with self._lock:
            if self._ended.is_set():
                return
            for name in self._running.keys() - channels.keys():
                sender, beat = self._running.pop(name)
                sender.retire(beat.stop)
                beat.wake()
            for name, channel in channels.items():
                if name in self._running:
                    self._running[name][0].use(channel, self._options(name))
                else:
                    self._start(name, channel)

    def _start(self, name: str, channel: Channel) -> None:
        sender = self._build(channel, self._options(name))
        beat = Beat(f"sender {name}", sender, self._clock, self._health, rest_seconds=_REST_SECONDS)
        self._running[name] = sender, beat
        thread = threading.Thread(target=self._serve, args=(beat,), name=beat.name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, beat: Beat) -> None:
        try:
            beat.run()
        except BaseException as error:  # noqa: BLE001  handed to `run`, which ends the process
            self._failure = error
            self._ended.set()
        finally:
            self._health.forget(beat.name)
