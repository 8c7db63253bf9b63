"""A title and plain text, for channels that know no more."""

from driftline.alerting.channels.message import Item, Message
from driftline.alerting.channels.texts import clip, moment

_TITLE, _LINE, _DETAILS = 250, 500, 4_000


def plain(message: Message) -> tuple[str, str]:
    """Title and text; the text names the most urgent alert in full, the others by a line, and ends with the links."""
    lead = message.lead
    own = message.own.text
    lines = [_facts(lead)]
    if lead.segments and own is None:
        lines.append(clip(f"Affected segments: {', '.join(lead.segments)}", _LINE))
    if told := own or lead.details:
        lines += ["", clip(told, _DETAILS)]
    if lead.care:
        lines += ["", clip(f"{lead.care} takes care of it", _LINE)]
    if own is None:
        lines += _others(message)
    lines += ["", *(f"{words}: {url}" for words, url in lead.links)] if lead.links else []
    return clip(message.headline, _TITLE), "\n".join(lines)


def _others(message: Message) -> list[str]:
    others = [clip(f"{'' if one.firing else 'resolved: '}{one.scored}", _LINE) for one in message.others]
    if message.uncounted:
        others.append(f"+{message.uncounted} more")
    return ["", "Other alerts", *(f"- {line}" for line in others)] if others else []


def _facts(lead: Item) -> str:
    about = [f"{name}={value}" for name, value in lead.labels] or [f"{lead.model} {lead.model_version}".strip()]
    risk = [] if lead.labels else [f"risk {lead.risk}"]
    parts = [clip(" ".join(about), _LINE), f"{lead.priority} priority", *risk, f"since {moment(lead.since)}"]
    return " · ".join([*parts, f"until {moment(lead.until)}"] if lead.until else parts)
