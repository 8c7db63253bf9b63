"""What the own texts of a receiver say of given alerts, or of a sample."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftline.alerting.alert import Alert
from driftline.alerting.intake import Fired
from driftline.alerting.posted import posted_alert, receive_posted
from driftline.alerting.routing import Receiver
from driftline.envelope import time_of
from driftline.errors import ConfigurationError

_NOW = 1_756_684_800_000_000
"""2025-09-01 UTC in microseconds: when alerts without a time began, so that the same file says the same each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedText:
    """One text of one channel."""

    channel: str
    field: str
    text: str
    """What it says, or what is wrong with it; empty where our own words stand."""
    failed: bool


def rendered_texts(receiver: Receiver, field: str | None, alerts: str | None) -> list[RenderedText]:
    """What the texts of a receiver say; `alerts` is JSON, without it a sample is told. Raises ConfigurationError."""
    channels = {channel.name: channel.texts for channel in receiver.channels if channel.texts is not None}
    known = sorted({name for texts in channels.values() for name in texts.sources})
    if field is not None and field not in known:
        raise ConfigurationError(f"{receiver.name} has no text {field!r}; it has {', '.join(known) or 'none'}")
    if not known:
        raise ConfigurationError(f"{receiver.name} has no texts of its own: its messages are as usual")
    from driftline.alerting.templates.own_texts import TextFault
    from driftline.alerting.templates.rendering import Texts

    context = _context(receiver.name, alerts)

    def rendered() -> Iterator[RenderedText]:
        for channel, texts in channels.items():
            compiled = Texts(texts)
            for name in compiled.fields:
                try:
                    said, failed = compiled.render(name, context), False
                except TextFault as fault:
                    said, failed = f"line {fault.line}{f' of {fault.file}' if fault.file else ''}: {fault.problem}", True
                yield RenderedText(channel=channel, field=name, text=said, failed=failed)

    return [one for one in rendered() if field in (None, one.field)]


def _context(receiver: str, alerts: str | None) -> dict[str, Any]:
    from driftline.alerting.channels.message import read
    from driftline.alerting.templates.context import context
    from driftline.alerting.templates.sample import context_of, sample_contexts

    if alerts is None:
        return {**sample_contexts()[0], "receiver": receiver}
    try:
        given = json.loads(alerts)
        if isinstance(given, dict):
            return context(given, read("msg_test", given))
        return context_of([_posted(one) for one in given], receiver=receiver)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"the alerts cannot be read: {type(error).__name__}: {error}") from error


def _posted(given: Mapping[str, Any]) -> Alert:
    ends_at = time_of(given["endsAt"]) if given.get("endsAt") else None
    fired = receive_posted(
        posted_alert(
            given["labels"],
            given.get("annotations") or {},
            starts_at=time_of(given["startsAt"]) if given.get("startsAt") else None,
            ends_at=None,
            generator_url=given.get("generatorURL") or "",
            now=_NOW,
            resolve_timeout=1,
        ),
        None,
        now=0,
    )
    if not isinstance(fired, Fired):
        raise ConfigurationError("the alerts cannot be read: one ends before it begins")
    return replace(fired.alert, ends_at=ends_at)
