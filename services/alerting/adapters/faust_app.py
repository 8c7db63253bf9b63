"""Faust as we use it: read committed, no tables, no web, no topics of its own, and no worker around it.

Faust 0.15.3 reads uncommitted under `at_least_once` (its aiokafka driver fixes it so), and repeats events after a crash under both
of its guarantees: the transport below mends the first, the handler must not mind the second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import aiokafka
import faust
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from yarl import URL

from driftline.errors import ConfigurationError
from services.alerting.adapters.received import Received

GROUP = "driftline.alerting"

_POLL_SECONDS = 0.1
_STOP_SECONDS = 20.0
_BATCH = 200
_REST_SECONDS = 0.05
"""From a fetch of records to the next one at least: what comes meanwhile is fetched, and handled, together."""
_TOGETHER_SECONDS = 0.005
"""In this time Faust hands over what was fetched together."""

_CHATTY = ("faust", "mode", "aiokafka", __name__)
"""Loggers that tell their life story at the level info; Faust also logs under the module of its subclasses."""

_UNDERSTOOD = {
    "bootstrap.servers",
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
}


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is not typed for us
    _rests_until = 0.0

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Read by AIOKafkaConsumer.start(), which comes later; the driver leaves no other way than copying 60 lines of it.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer

    async def _fetch_records(self, *args: Any, **options: Any) -> Any:
        await asyncio.sleep(self._rests_until - self.loop.time())
        records = await super()._fetch_records(*args, **options)
        if records:
            self._rests_until = self.loop.time() + _REST_SECONDS
        return records


class _Consumer(driver.Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class ReadCommittedTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport, blind to records of open and aborted transactions."""

    Consumer: ClassVar[type[_Consumer]] = _Consumer


class _ConsumerOnly(BootStrategy):  # type: ignore[misc]
    enable_kafka_producer = False
    enable_web = False


class _App(faust.App):  # type: ignore[misc]
    BootStrategy = _ConsumerOnly


Handle = Callable[[Sequence[Received]], Awaitable[None]]


class FaustConsumer:
    """Consumes topics in a group and acknowledges what `handle` has finished with."""

    def __init__(
        self,
        client: Mapping[str, str | int | float | bool],
        topics: Sequence[str],
        *,
        instance_id: str,
        data_dir: Path,
        group: str = GROUP,
        transport: type[driver.Transport] = ReadCommittedTransport,
    ) -> None:
        """`client` holds librdkafka's properties; raises ConfigurationError for those that aiokafka does not know."""
        for name in _CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
        brokers = [URL(f"kafka://{server.strip()}") for server in str(client["bootstrap.servers"]).split(",")]
        self._app = _App(
            group,
            broker=brokers,
            broker_credentials=_credentials(client),
            processing_guarantee="at_least_once",
            # A restart after kill -9 takes its partitions back at once, instead of waiting for the old session to end.
            consumer_group_instance_id=f"{group}-{instance_id}",
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=10.0,
            broker_heartbeat_interval=1.0,
            broker_commit_interval=1.0,
            datadir=str(data_dir / "faust"),
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            autodiscover=False,
        )
        self._app.transport = transport(brokers, self._app)
        self._topics = tuple(topics)

    async def run(self, handle: Handle, stopping: Callable[[], bool], on_started: Callable[[], None]) -> None:
        """Consume until `stopping()`; raises what `handle` raised, or what broke inside Faust."""
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        # One agent per topic: with one for several, Faust would hand over a topic only when it has a reader of its own.
        for topic in self._topics:
            source = self._app.topic(topic, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
            self._app.agent(source, name=f"alerting.{topic}", concurrency=1)(_agent(handle, failed))
        self._app.finalize()
        await self._app.start()
        on_started()
        try:
            while not stopping() and not failed.done() and not self._app.crashed:  # noqa: ASYNC110 - signals and other threads end it
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await _stop(self._app)
        if failed.done():
            raise failed.result()
        if self._app.crashed:
            raise RuntimeError("the Faust app crashed") from self._app.crash_reason


def _agent(handle: Handle, failed: "asyncio.Future[BaseException]") -> Callable[[Any], Awaitable[None]]:
    async def consume(stream: Any) -> None:
        # Faust's own batches wait longer for company, by timers that go on where nothing comes.
        stream.enable_acks = False
        waiting: asyncio.Queue[Any] = asyncio.Queue(_BATCH)
        stream.add_future(_gather(stream, waiting))
        while True:
            events = [await waiting.get()]
            await asyncio.sleep(_TOGETHER_SECONDS)
            while not waiting.empty():
                events.append(waiting.get_nowait())
            try:
                await handle([_received(event) for event in events])
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
                if not failed.done():
                    failed.set_result(error)
                # Neither acknowledge nor restart the agent: the process ends, and the next one reads these again.
                await asyncio.Event().wait()
            for event in events:
                await stream.ack(event)

    return consume


async def _gather(stream: Any, waiting: "asyncio.Queue[Any]") -> None:
    async for event in stream.events():
        await waiting.put(event)


def _received(event: Any) -> Received:
    message = event.message
    return Received(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        value=cast("bytes | None", event.value),
        headers=_headers(message.headers),
    )


def _headers(headers: object) -> Sequence[tuple[str, bytes]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(name, value) for name, value in cast("Sequence[tuple[str, bytes]]", pairs) if value is not None]


async def _stop(app: faust.App) -> None:
    try:
        await asyncio.wait_for(app.stop(), _STOP_SECONDS)
    except TimeoutError:  # the offsets are only a shortcut: what was handled stands in the database
        return


def _credentials(client: Mapping[str, str | int | float | bool]) -> faust.auth.Credentials | None:
    if unknown := sorted(client.keys() - _UNDERSTOOD):
        names = ", ".join(f"DRIFTLINE_KAFKA_{name.upper().replace('.', '_')}" for name in unknown)
        raise ConfigurationError(f"{names}: alerting reads through aiokafka, which has no such setting; remove it here")
    protocol = str(client.get("security.protocol", "PLAINTEXT")).upper()
    context = None
    if protocol.endswith("SSL"):
        location = client.get("ssl.ca.location")
        context = aiokafka.helpers.create_ssl_context(cafile=None if location is None else str(location))
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=str(client.get("sasl.username", "")),
            password=str(client.get("sasl.password", "")),
            mechanism=str(client.get("sasl.mechanism", client.get("sasl.mechanisms", "PLAIN"))),
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
