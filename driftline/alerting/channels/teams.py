"""Microsoft Teams: an Adaptive Card for a Workflows webhook (the connectors of Office 365, and with them MessageCard, are retired).

Limits: learn.microsoft.com, "Format cards in Teams": version 1.4, 28 KB of message; ours end at 25,000 bytes. Texts of others stand in text
runs, which know no markup; where a fact must hold one, its markdown is escaped. Cards have no colours of their own: the
priority chooses one of the card's styles, its emoji says it exactly.
"""

import re
from typing import Any

from driftline.alerting.channels.message import FOOTER, Item, Message
from driftline.alerting.channels.texts import clip, encoded, moment
from driftline.wording import amount

MAX_BYTES = 25_000
_TITLE, _FACT, _DETAILS, _LINES, _LISTED = 300, 300, 4_000, 30, 10
_STYLE = {"low": "accent", "medium": "warning", "high": "attention", "critical": "attention"}
_MARKUP = re.compile(r"([\\*\[\]~`<>#]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))")

Part = dict[str, Any]


def escape(text: str) -> str:
    """Text of others in markdown; an underscore inside of a word is none of its signs."""
    return _MARKUP.sub(r"\\\1", text)


def message_card(message: Message) -> dict[str, Any]:
    """The body that the webhook takes."""
    details, listed = _DETAILS, _LISTED
    while True:
        payload = _payload(_card(message, details, listed))
        if len(encoded(payload)) <= MAX_BYTES:
            return payload
        details, listed = details // 2, listed // 2


def _payload(card: Part) -> dict[str, Any]:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _card(message: Message, details: int, listed: int) -> Part:
    lead = message.lead
    style = _STYLE.get(lead.priority, "default") if message.firing else "good"
    title = _text(clip(message.headline, _TITLE), size="large", weight="bolder")
    body: list[Part] = [
        {"type": "Container", "style": style, "bleed": True, "items": [title]},
        {"type": "FactSet", "facts": _facts(lead)},
    ]
    own = message.own.text
    body += _paragraphs(clip(lead.details if own is None else own, details)) if details else []
    if lead.trend is not None and lead.picture_url is not None:
        caption = clip(lead.trend.caption, _FACT)
        body += [
            {"type": "Image", "url": lead.picture_url, "altText": caption, "size": "stretch"},
            _text(caption, size="small"),
        ]
    body += _beside(message, listed) if own is None else []
    body.append(_text(f"{FOOTER} · {message.reason}", size="small", subtle=True))
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": clip(message.headline, _TITLE),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": words, "url": url} for words, url in lead.links],
    }


def _beside(message: Message, listed: int) -> list[Part]:
    """Segments, and the other alerts."""
    segments = message.lead.segments
    parts = [_text(clip("Affected segments: " + ", ".join(segments), _FACT))] if segments else []
    parts += [_text(clip(f"• {'' if item.firing else 'resolved: '}{item.name}", _FACT)) for item in message.others[:listed]]
    if rest := max(0, len(message.others) - listed) + message.uncounted:
        parts.append(_text(f"+{rest} more"))
    return parts


def _facts(item: Item) -> list[dict[str, str]]:
    first, *more = item.about
    facts = [first, ("Priority", item.priority.upper()), *more, ("Since", moment(item.since))]
    if item.until is not None:
        facts.append(("Until", moment(item.until)))
    return [{"title": escape(name), "value": clip(value or "-", _FACT, escape)} for name, value in facts]


def _paragraphs(text: str) -> list[Part]:
    """A block for each line: a text run has no line breaks."""
    lines = [line for line in text.split("\n") if line.strip()]
    rest = len(lines) - _LINES
    return [_text(line) for line in lines[:_LINES]] + ([_text(f"+{amount(rest, 'more line')}")] if rest > 0 else [])


def _text(text: str, *, size: str = "default", weight: str = "default", subtle: bool = False) -> Part:
    run = {"type": "TextRun", "text": text, "size": size, "weight": weight, "isSubtle": subtle}
    return {"type": "RichTextBlock", "inlines": [run]}
