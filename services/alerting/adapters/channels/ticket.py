"""Tickets in Jira and GitHub: 201 is taken, 408, 425, 429 and 5xx are tried again, other answers are final.

Neither tracker knows an idempotency key: an answer that is lost may leave an issue twice; both name the same notification. A reminder
adds nothing to an issue, so it is not sent; the end is a comment, and people close the issue.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from driftline.alerting.channels.message import Message
from driftline.alerting.channels.ticket import TicketForm, Tracker, comment, issue, key_of
from driftline.alerting.delivery import Delivered, Outcome, judge
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.adapters.channels.json_post import JsonPost, Place, Reach
from services.alerting.adapters.channels.port import Outgoing

_TAKEN = frozenset({201})


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDesk:
    """A tracker, and who writes there."""

    place: Place
    form: TicketForm
    token: str = field(repr=False)
    user: str | None = None
    """With it the token is a password, as in Jira's cloud; without it a bearer token."""


class TicketChannel:
    """Opens issues and comments on them."""

    def __init__(self, desk: TicketDesk, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._form = desk.form
        self._post = JsonPost(desk.place, reach)
        self.host = self._post.host
        self._clock = reach.clock
        basic = "" if desk.user is None else b64encode(f"{desk.user}:{desk.token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}" if basic else f"Bearer {desk.token}"}
        if desk.form.tracker is Tracker.GITHUB:
            self._headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

    def send(self, message: Outgoing) -> Outcome:
        """Open an issue or comment on it; see the Channel port."""
        told = message.message
        if message.thread is not None:
            return Delivered() if told.reason == "repeat" else self._sent(comment(told, self._form), message.thread)
        return self._open(told) if told.firing else Delivered()

    def close(self) -> None:
        """Let go of connections."""
        self._post.close()

    def _open(self, message: Message) -> Outcome:
        return self._sent(issue(message, self._form), None)

    def _sent(self, payload: dict[str, Any], thread: str | None) -> Outcome:
        below = self._form.path if thread is None else self._form.comment_path(thread)
        answer = self._post(payload, self._headers, below=below)
        if not isinstance(answer, Answer):
            return answer
        outcome = judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_TAKEN)
        if thread is not None or not isinstance(outcome, Delivered):
            return outcome
        return Delivered(answer.code, self._key(answer.body))

    def _key(self, body: bytes) -> str | None:
        try:
            said = json.loads(body)
        except ValueError:
            return None
        return key_of(said, self._form) if isinstance(said, dict) else None
