"""The live feed without a network: a page reads its stream step by step."""

import asyncio
import json

import pytest

from services.console.api import feed as module
from services.console.api.feed import Feed


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "COALESCE_SECONDS", 0.0)
    monkeypatch.setattr(module, "KEEP_ALIVE_SECONDS", 0.01)


def read(text):
    fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if not line.startswith(":"))
    return fields.get("event"), json.loads(fields["data"]) if "data" in fields else None, fields.get("id")


async def events(stream, count):
    """The next events that are not keep-alives."""
    found: list[tuple] = []
    while len(found) < count:
        text = await asyncio.wait_for(anext(stream), 5)
        if "data: " in text:
            found.append(read(text))
    return found


def test_a_page_is_greeted_then_told_what_changed():
    async def page():
        feed = Feed()
        stream = feed.events(None)
        greeting = await events(stream, 1)
        feed.changed({"b", "a"})
        return greeting + await events(stream, 1)

    (hello, _, _), (changed, data, _) = asyncio.run(page())
    assert (hello, changed, data) == ("hello", "changed", {"models": ["a", "b"]})


def test_changes_that_come_together_are_told_together():
    async def page():
        feed = Feed()
        stream = feed.events(None)
        await events(stream, 1)
        feed.changed({"a"})
        feed.changed({"b"})
        return await events(stream, 1)

    ((_, data, _),) = asyncio.run(page())
    assert data == {"models": ["a", "b"]}


def test_a_page_that_was_away_is_told_what_it_missed():
    async def page():
        feed = Feed()
        stream = feed.events(None)
        await events(stream, 1)
        feed.changed({"a"})
        ((_, _, seen),) = await events(stream, 1)
        await stream.aclose()
        feed.changed({"b"})
        return await events(feed.events(seen), 2)

    (hello, _, _), (changed, data, _) = asyncio.run(page())
    assert (hello, changed, data) == ("hello", "changed", {"models": ["b"]})


@pytest.mark.parametrize("last", ["cafecafe-3", "rubbish", "-", "x-y"])
def test_a_page_of_another_life_is_told_to_load_everything(last):
    async def page():
        feed = Feed()
        feed.changed({"a"})
        return await events(feed.events(last), 1)

    assert asyncio.run(page())[0][0] == "reset"


def test_a_page_that_missed_more_than_is_remembered_loads_everything():
    async def page():
        feed = Feed()
        stream = feed.events(None)
        ((_, _, seen),) = await events(stream, 1)
        await stream.aclose()
        for _ in range(1500):
            feed.changed({"a"})
        return await events(feed.events(seen), 1)

    assert asyncio.run(page())[0][0] == "reset"


def test_a_quiet_stream_is_kept_alive_and_ends_with_the_service():
    async def page():
        feed = Feed()
        stream = feed.events(None)
        await events(stream, 1)
        quiet = await asyncio.wait_for(anext(stream), 5)
        feed.close()
        return quiet, [text async for text in stream]

    quiet, rest = asyncio.run(page())
    assert quiet.startswith(":")
    assert rest == []
