"""Slack: Block Kit in a coloured attachment, for an incoming webhook or for chat.postMessage and chat.update.

Limits: docs.slack.dev, "Blocks" and "Text object": 50 blocks, 150 characters of a header, 3000 of a text, 2000 of a field, 75 of a
button. Markup of others is escaped (`&`, `<`, `>`); texts are `verbatim`, so that no name in them becomes a mention or a link.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driftline.alerting.answers import Wish
from driftline.alerting.channels.message import FOOTER, Item, Message
from driftline.alerting.channels.texts import clean, clip

_HEADER, _TEXT, _FIELD, _FALLBACK = 150, 2_900, 1_000, 1_000
_VALUE = 2_000
"""Characters of a button's value."""

_LISTED = 10
"""Alerts named beside the leading one; the others are counted."""

Payload = dict[str, Any]


def escape(text: str) -> str:
    """Text of others in mrkdwn: its three signs as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def webhook(message: Message, *, buttons: bool = False) -> Payload:
    """What an incoming webhook takes. It answers 200; it cannot thread nor update.

    `buttons`: to acknowledge and to silence the group; Slack sends what is pressed to the request URL of the application.
    """
    return {
        "text": clip(message.headline, _FALLBACK, escape),
        "blocks": [_header(message)],
        "attachments": [
            {
                "color": message.color,
                "fallback": clip(message.headline, _FALLBACK),
                "blocks": _blocks(message, buttons=buttons),
            },
            *_picture(message),
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def post(message: Message, channel: str, *, buttons: bool = False) -> Payload:
    """For chat.postMessage: the message that opens the thread of a group."""
    return {"channel": channel, "link_names": False, **webhook(message, buttons=buttons), "metadata": _metadata(message)}


def update(message: Message, channel: str, ts: str, *, buttons: bool = False) -> Payload:
    """For chat.update: the same message again as things stand now."""
    said = {name: value for name, value in post(message, channel, buttons=buttons).items() if not name.startswith("unfurl")}
    return {**said, "ts": ts}


def reply(message: Message, channel: str, ts: str) -> Payload:
    """For chat.postMessage: one line into the thread, so that those who follow it hear; to the channel where it got worse."""
    by = f" by {message.care}" if message.reason == "acknowledged" and message.care else ""
    text = clip(f"{message.headline} ({message.reason}{by})", _FALLBACK, escape)
    return {
        "channel": channel,
        "thread_ts": ts,
        "reply_broadcast": message.reason == "raised",
        "link_names": False,
        "text": text,
        "blocks": [{"type": "section", "text": _mrkdwn(text), "block_id": message.notification_id}],
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": _metadata(message),
    }


def _blocks(message: Message, *, buttons: bool) -> list[Payload]:
    lead = message.lead
    first, *more = lead.about
    fields = (first, ("Priority", lead.priority.upper()), *more)
    blocks: list[Payload] = [{"type": "section", "fields": [_field(name, value) for name, value in fields]}]
    blocks += [{"type": "section", "text": text} for text in _told(message)]
    if message.care is not None:
        blocks.append({"type": "section", "text": _mrkdwn(_labelled("Taken care of by", message.care))})
    elements = [_button(words, url) for words, url in lead.links]
    if buttons and message.firing and _is_value(message.group_key):
        elements += [_choice(words, wish, message.group_key) for words, wish in _choices(message)]
    if elements:
        blocks.append({"type": "actions", "elements": elements})
    since = [_mrkdwn(clip(f"{FOOTER} · {message.reason}", _FIELD, escape)), _mrkdwn(_times(lead))]
    blocks.append({"type": "context", "elements": since, "block_id": message.notification_id})
    return blocks


def _told(message: Message) -> list[Payload]:
    """What drifted, in our words or in people's own."""
    if message.own.text is not None:
        return [_mrkdwn(clip(message.own.text, _TEXT, escape))]
    lead = message.lead
    texts = [_plain(clip(lead.details, _TEXT))] if lead.details else []
    if lead.segments:
        texts.append(_mrkdwn(_labelled("Affected segments", ", ".join(lead.segments))))
    if message.others or message.uncounted:
        texts.append(_mrkdwn(_list_of_others(message)))
    return texts


def _picture(message: Message) -> list[Payload]:
    """The trend as an attachment of the old kind: Slack shows it without the picture where it cannot fetch that.

    An image block would have the whole message refused.
    """
    lead = message.lead
    if lead.trend is None or lead.picture_url is None:
        return []
    caption = clip(lead.trend.caption, _VALUE, escape)
    return [{"color": message.color, "fallback": caption, "text": caption, "mrkdwn_in": [], "image_url": lead.picture_url}]


def _list_of_others(message: Message) -> str:
    """Fits as a whole: each line is cut on its own, so that the count at the end is never cut away."""
    lines = [f"• {'' if item.firing else 'resolved: '}{clip(item.name, 200, escape)}" for item in message.others[:_LISTED]]
    rest = max(0, len(message.others) - _LISTED) + message.uncounted
    if rest:
        lines.append(f"+{rest} more")
    return "\n".join(lines)


def _times(item: Item) -> str:
    """Since when, in the reader's own time zone."""
    since = f"since {_moment(item.since)}"
    return since if item.until is None else f"{since} until {_moment(item.until)}"


def _moment(text: str) -> str:
    try:
        seconds = int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return clip(text, 100, escape)
    return f"<!date^{seconds}^{{date_num}} {{time_secs}}|{clip(text, 100, escape)}>"


def _header(message: Message) -> Payload:
    return {"type": "header", "text": _plain(clip(message.headline, _HEADER), emoji=True)}


def _field(name: str, value: str) -> Payload:
    return _mrkdwn(_labelled(name, value))


def _labelled(name: str, value: str) -> str:
    return f"*{escape(name)}*\n{clip(value or '-', _FIELD, escape)}"


def _plain(text: str, *, emoji: bool = False) -> Payload:
    return {"type": "plain_text", "text": text, "emoji": emoji}


def _mrkdwn(text: str) -> Payload:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _button(words: str, url: str) -> Payload:
    return {"type": "button", "text": _plain(words), "url": url, "action_id": words.lower().replace(" ", "_")}


def _is_value(group_key: str) -> bool:
    return 0 < len(group_key) <= _VALUE and clean(group_key) == group_key


def _choices(message: Message) -> tuple[tuple[str, Wish], ...]:
    care = ("Not mine", Wish.UNACKNOWLEDGE) if message.cared_for else ("Acknowledge", Wish.ACKNOWLEDGE)
    return (care, ("Silence 2h", Wish.SILENCE))


def _choice(words: str, wish: Wish, group_key: str) -> Payload:
    return {"type": "button", "text": _plain(words), "action_id": wish.value, "value": group_key}


def _metadata(message: Message) -> Mapping[str, Any]:
    """What a receiving application recognises a repeat by."""
    return {"event_type": "driftline_notification", "event_payload": {"notification_id": message.notification_id}}
