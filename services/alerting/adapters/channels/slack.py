"""Slack, by an incoming webhook or by the Web API, which threads and updates.

Of the webhook 200 counts as delivered; of the Web API an answer `ok`. Slack knows no idempotency key: a repeat carries the notification's id
as a block_id and in its metadata. With a bot token the first message of a group opens a thread; each later one updates that message and
adds a line to the thread.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from driftline.alerting.channels import slack
from driftline.alerting.channels.message import Message
from driftline.alerting.delivery import Delivered, Outcome, Refused, TryAgain, judge
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.adapters.channels.json_post import JsonPost, Place, Reach
from services.alerting.adapters.channels.port import Outgoing

_ONLY_OK = frozenset({200})
_WORD = re.compile("[a-z_]{1,60}")
_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Errors of the Web API that go away by themselves."""

_ROOT_IS_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})
"""Errors of chat.update that say: begin a new thread."""


class SlackWebhookChannel:
    """Posts to an incoming webhook."""

    def __init__(self, place: Place, reach: Reach, *, buttons: bool = False) -> None:
        """`buttons` to answer by; raises ConfigurationError for a URL that can never be sent to."""
        self._post = JsonPost(place, reach)
        self.host = self._post.host
        self._clock = reach.clock
        self.shows_care = self._buttons = buttons

    def send(self, message: Outgoing) -> Outcome:
        """Post; see the Channel port."""
        answer = self._post(slack.webhook(message.message, buttons=self._buttons))
        if not isinstance(answer, Answer):
            return answer
        outcome = judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_ONLY_OK)
        return _with_reason(outcome, answer.body)

    def close(self) -> None:
        """Let go of connections."""
        self._post.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBot:
    """An application of Slack that may write to a channel (scope chat:write)."""

    token: str = field(repr=False)
    channel: str
    api_url: str


class SlackBotChannel:
    """Writes by the Web API."""

    shows_care = True

    def __init__(self, bot: SlackBot, reach: Reach, *, buttons: bool = False) -> None:
        """`buttons` to answer by; raises ConfigurationError for a URL that can never be sent to."""
        self._buttons = buttons
        self._bot = bot
        self._call = JsonPost(Place(bot.api_url.rstrip("/"), "DRIFTLINE_ALERTING_SLACK_API_URL"), reach)
        self.host = self._call.host
        self._clock = reach.clock

    def send(self, message: Outgoing) -> Outcome:
        """Open the thread, or bring it up to date; see the Channel port."""
        told = message.message
        if message.thread is None:
            return self._open(told)
        channel, _, ts = message.thread.partition(" ")
        updated = self._answered("chat.update", slack.update(told, channel, ts, buttons=self._buttons))
        if isinstance(updated, Refused) and updated.error in _ROOT_IS_GONE:
            return self._open(told)
        if not isinstance(updated, Delivered):
            return updated
        replied = self._answered("chat.postMessage", slack.reply(told, channel, ts))
        return Delivered(replied.code) if isinstance(replied, Delivered) else replied

    def close(self) -> None:
        """Let go of connections."""
        self._call.close()

    def _open(self, message: Message) -> Outcome:
        return self._answered("chat.postMessage", slack.post(message, self._bot.channel, buttons=self._buttons))

    def _answered(self, method: str, payload: dict[str, Any]) -> Outcome:
        answer = self._call(payload, {"Authorization": f"Bearer {self._bot.token}"}, below=f"/{method}")
        if not isinstance(answer, Answer):
            return answer
        outcome = judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_ONLY_OK)
        return _judged(answer) if isinstance(outcome, Delivered) else outcome


def _judged(answer: Answer) -> Outcome:
    """What an answer 200 of the Web API means: the body says whether it worked."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return TryAgain("answered 200 without JSON", answer.code)
    if not isinstance(said, dict):
        return TryAgain("answered 200 without a JSON object", answer.code)
    if said.get("ok") is True:
        channel, ts = said.get("channel"), said.get("ts")
        named = isinstance(channel, str) and isinstance(ts, str) and channel and ts
        return Delivered(answer.code, f"{channel} {ts}" if named else None)
    error = _word(str(said.get("error")))
    return TryAgain(error, answer.code) if error in _PASSING else Refused(error, answer.code)


def _with_reason(outcome: Outcome, body: bytes) -> Outcome:
    """The outcome with the word that Slack gave for it, such as `no_service`."""
    word = _WORD.fullmatch(body[:64].decode("ascii", "replace").strip())
    if word is None or isinstance(outcome, Delivered):
        return outcome
    error = f"{outcome.error}: {word[0]}"
    if isinstance(outcome, TryAgain):
        return TryAgain(error, outcome.code, outcome.retry_after_us)
    return Refused(error, outcome.code)


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else "unknown error"
