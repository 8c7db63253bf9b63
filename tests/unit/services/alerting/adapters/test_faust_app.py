import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from services.alerting.adapters.faust_app import _agent
from services.alerting.adapters.received import Received


class Stream:
    """As much of Faust's stream as an agent uses."""

    def __init__(self) -> None:
        self.enable_acks = True
        self.acknowledged: list[int] = []
        self.arriving: asyncio.Queue[int] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []

    def add_future(self, coroutine: Any) -> None:
        self.tasks.append(asyncio.ensure_future(coroutine))

    async def events(self):
        while True:
            offset = await self.arriving.get()
            message = SimpleNamespace(topic="t", partition=0, offset=offset, headers=())
            yield SimpleNamespace(message=message, value=b"")

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event.message.offset)


async def run(stream: Stream, handle: Any, failed: "asyncio.Future[BaseException]", until: Any) -> None:
    agent = asyncio.ensure_future(_agent(handle, failed)(stream))
    async with asyncio.timeout(5):
        await until()
    for task in (agent, *stream.tasks):
        task.cancel()


def test_what_comes_while_a_batch_is_handled_is_the_next_one_and_each_is_acknowledged_when_it_is_handled() -> None:
    async def scenario() -> None:
        stream, batches, seen = Stream(), list[list[int]](), list[list[int]]()
        done = asyncio.Event()

        async def handle(records: Sequence[Received]) -> None:
            seen.append(list(stream.acknowledged))
            batches.append([record.offset for record in records])
            if len(batches) == 1:
                for offset in (2, 3, 4):
                    stream.arriving.put_nowait(offset)
            else:
                done.set()

        stream.arriving.put_nowait(1)
        await run(stream, handle, asyncio.get_running_loop().create_future(), done.wait)
        assert batches == [[1], [2, 3, 4]]
        assert seen == [[], [1]]
        assert stream.enable_acks is False

    asyncio.run(scenario())


def test_what_cannot_be_handled_ends_the_process_and_is_not_acknowledged() -> None:
    async def scenario() -> None:
        stream, failed = Stream(), asyncio.get_running_loop().create_future()

        async def handle(_: Sequence[Received]) -> None:
            raise ValueError("no")

        stream.arriving.put_nowait(1)
        await run(stream, handle, failed, lambda: asyncio.wait([failed]))
        assert isinstance(failed.result(), ValueError)
        assert stream.acknowledged == []

    asyncio.run(scenario())
