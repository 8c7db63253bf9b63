"""Tickets: the first message of a group opens an issue in Jira or GitHub, later ones comment on it.

Sources and limits: developer.atlassian.com, "Jira REST API v2, Create issue" (summary 255 characters, description 32,767);
docs.github.com, "REST API endpoints for issues" (title 256, body 65,536).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from driftline.alerting.channels.message import FOOTER, Item, Message
from driftline.alerting.channels.texts import clip, moment, one_line

_TITLE, _BODY = 250, 30_000
_LISTED = 50
_NAME = re.compile(r"\{(\w+)\}")

TITLE = "{priority} {what} in {model}"
DESCRIPTION = "{details}\n\nModel: {model} {version}\nRisk score: {risk}\nSince: {since}\nSegments: {segments}\n{links}"
_OF_POSTED = {TITLE: "{priority}: {title}", DESCRIPTION: "{details}\n\n{labels}\nSince: {since}\n{links}"}
"""What stands in their places for alerts that are about no model."""


class Tracker(StrEnum):
    """Where issues are kept."""

    JIRA = "jira"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketForm:
    """How an issue is filled in."""

    tracker: Tracker
    project: str
    """Key of Jira's project, or `owner/repository`."""
    issue_type: str = "Bug"
    """Of Jira."""
    labels: tuple[str, ...] = ()
    title: str = TITLE
    description: str = DESCRIPTION

    @property
    def path(self) -> str:
        """Where issues are created, below the address of the tracker."""
        if self.tracker is Tracker.JIRA:
            return "/rest/api/2/issue"
        return f"/repos/{quote(self.project)}/issues"

    def comment_path(self, key: str) -> str:
        """Where a comment on an issue goes."""
        end = "comment" if self.tracker is Tracker.JIRA else "comments"
        return f"{self.path}/{quote(key, safe='')}/{end}"


def check_template(text: str) -> str:
    """The text, if it names nothing but what an issue can be filled in with. Raises ValueError."""
    if unknown := sorted({name for name in _NAME.findall(text) if name not in _FILLINGS}):
        raise ValueError(f"names {', '.join(unknown)}; known are {', '.join(sorted(_FILLINGS))}")
    return text


def issue(message: Message, form: TicketForm) -> dict[str, Any]:
    """The body that creates the issue."""
    instead = _OF_POSTED if message.lead.labels else {}
    title = one_line(clip(_filled(instead.get(form.title, form.title), message.lead), _TITLE))
    description = _filled(instead.get(form.description, form.description), message.lead).strip()
    text = clip("\n".join([description, *_others(message), "", _signed(message)]), _BODY)
    if form.tracker is Tracker.GITHUB:
        return {"title": title, "body": _as_text(text), "labels": list(form.labels)}
    fields = {"project": {"key": form.project}, "issuetype": {"name": form.issue_type}, "labels": list(form.labels)}
    return {"fields": {**fields, "summary": title, "description": text}}


def comment(message: Message, form: TicketForm) -> dict[str, Any]:
    """The body of a comment: what is new."""
    text = clip("\n".join([message.headline, message.lead.details, *_others(message), "", _signed(message)]), _BODY)
    return {"body": _as_text(text) if form.tracker is Tracker.GITHUB else text}


def key_of(answer: Mapping[str, Any], form: TicketForm) -> str | None:
    """How the tracker calls the issue that it created; None where it does not say so."""
    found = answer.get("key" if form.tracker is Tracker.JIRA else "number")
    return str(found) if found else None


def _what(item: Item) -> str:
    return "drift" if item.alert_type == "drift_detection" else item.alert_type.replace("_", " ")


_FILLINGS: Mapping[str, Callable[[Item], str]] = {
    "priority": lambda item: item.priority.capitalize(),
    "what": _what,
    "alert_type": lambda item: item.alert_type,
    "model": lambda item: item.model,
    "version": lambda item: item.model_version,
    "title": lambda item: item.title,
    "details": lambda item: item.details,
    "risk": lambda item: item.risk,
    "since": lambda item: moment(item.since),
    "segments": lambda item: ", ".join(item.segments) or "-",
    "labels": lambda item: "\n".join(f"{name}: {value}" for name, value in item.labels) or "-",
    "links": lambda item: "\n".join(f"{words}: {url}" for words, url in item.links),
}


def _filled(template: str, item: Item) -> str:
    """One pass: what is filled in is not looked at again."""
    return _NAME.sub(lambda found: _FILLINGS[found[1]](item), template)


def _others(message: Message) -> list[str]:
    lines = [f"- {'' if item.firing else 'resolved: '}{item.name}" for item in message.others[:_LISTED]]
    rest = max(0, len(message.others) - _LISTED) + message.uncounted
    return [*lines, f"+{rest} more"] if rest else lines


def _signed(message: Message) -> str:
    return f"{FOOTER} ({message.reason}), {message.notification_id}"


def _as_text(text: str) -> str:
    """Text of others in GitHub's markdown as a block of code: it mentions nobody and links nothing."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=2) + 3)
    return f"{fence}text\n{text}\n{fence}"
