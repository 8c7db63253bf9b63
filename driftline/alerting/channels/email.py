"""E-mail: plain text and HTML, threaded under the first message of a group.

RFC 5322 for the headers, 2047 for their words, 3834 for `Auto-Submitted`. A repeat has the same Message-ID, by which mailboxes drop it.
Every header is one line of printable text before it is set, so that nothing of others can add a header.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from html import escape

from driftline.alerting.channels.message import FOOTER, Item, Message
from driftline.alerting.channels.texts import clip, moment
from driftline.alerting.picture import HEIGHT, WIDTH, draw
from driftline.alerting.sparkline import sparkline
from driftline.alerting.trend import Trend

_SUBJECT, _CELL, _DETAILS = 200, 500, 8_000
_STYLE = (
    "body{font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.45;color:#1f2933;"
    "max-width:640px;margin:0 auto;padding:16px}h2{margin:0 0 4px}h3{margin:22px 0 6px;font-size:15px}p{margin:6px 0}"
    "table{border-collapse:collapse;width:100%}td{padding:6px 12px 6px 0;border-bottom:1px solid #e8ecf0;vertical-align:top}"
    "img{max-width:100%;height:auto}ul{margin:6px 0;padding-left:20px}hr{border:0;border-top:1px solid #e8ecf0;margin-top:24px}"
    "em{color:#5f6b76;font-style:normal;font-size:13px}"
)
"""Where a reader of mail leaves it out, the page is plain but whole."""
_ACTIONS = {"View Dashboard": "View Monitoring Dashboard", "View Runbook": "Follow Runbook"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who writes to whom; the addresses are the operator's."""

    sender: str
    """`mlops@example.com`, or with a name before it in angle brackets."""
    recipients: tuple[str, ...]

    @property
    def domain(self) -> str:
        """What the sender's address ends with."""
        return parse_address(self.sender).domain


def parse_address(text: str) -> Address:
    """One address, with or without a name. Raises ValueError, saying what is wrong."""
    if any(character in text for character in "\r\n\0"):
        raise ValueError("an e-mail address is one line")
    found = _addresses(text)
    if len(found) != 1 or not found[0].username or not found[0].domain:
        raise ValueError("an e-mail address looks like mlops@example.com or MLOps <mlops@example.com>")
    address = found[0]
    if not address.addr_spec.isascii():
        raise ValueError("an e-mail address is written in ASCII; write its domain in its xn-- form")
    return address


def _addresses(text: str) -> tuple[Address, ...]:
    """Addresses in a header; none where it is not written as it should be, or names a group."""
    message = EmailMessage(policy=SMTP)
    try:
        message["To"] = text
    except IndexError:  # the parser of the standard library stumbles over an address that ends too early
        return ()
    header = message["To"]
    named = any(group.display_name is not None for group in header.groups)
    return () if header.defects or named else tuple(header.addresses)


def message_id(notification_id: str, envelope: Envelope) -> str:
    """The Message-ID of a notification, the same in every try."""
    return f"<{notification_id}@{envelope.domain}>"


def compose(message: Message, envelope: Envelope, *, now: int, thread: str | None = None) -> EmailMessage:
    """The whole mail; `now` in microseconds, `thread` the Message-ID of the first mail of this group (None: this is it)."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = parse_address(envelope.sender)
    mail["To"] = tuple(map(parse_address, envelope.recipients))
    mail["Subject"] = _word(clip(message.headline, _SUBJECT))
    mail["Date"] = format_datetime(datetime.fromtimestamp(now // 1_000_000, UTC))
    mail["Message-ID"] = message_id(message.notification_id, envelope)
    if thread is not None and thread != mail["Message-ID"]:
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"Driftline alerts <alerts.driftline.{envelope.domain}>"
    mail["X-Driftline-Notification"] = message.notification_id
    mail["X-Driftline-Group"] = sha256(message.group_key.encode("utf-8", "surrogatepass")).hexdigest()
    if message.firing and message.lead.priority == "critical":
        mail["Importance"] = "high"
    # Base64 keeps every line short, whatever the length of the text's own.
    mail.set_content(_text(message), cte="base64")
    picture = f"trend.{message.notification_id}@{envelope.domain}"
    mail.add_alternative(_html(message, picture), subtype="html", cte="base64")
    if message.lead.trend is not None:
        _, page = mail.iter_parts()
        page.add_related(
            draw(message.lead.trend), "image", "png", cid=f"<{picture}>", disposition="inline", filename="trend.png"
        )
    return mail


def _word(text: str) -> str:
    """Text of others for a header: what looks like an encoded word (RFC 2047) stays text, or it could hold line ends."""
    return text.replace("=?", "= ?")


def _rows(item: Item) -> list[tuple[str, str]]:
    rows = list(item.about)
    if not item.labels:
        rows[0] = ("Model", f"{item.model} {item.model_version}".strip())
    rows += [("Timestamp", moment(item.told_at)), ("Since", moment(item.since))]
    if item.until is not None:
        rows.append(("Until", moment(item.until)))
    if item.segments:
        rows.append(("Affected segments", ", ".join(item.segments)))
    return rows


def _heading(message: Message) -> str:
    return f"MLOps Alert - {message.lead.priority.upper()} Priority" if message.firing else "MLOps Alert - Resolved"


def _details(message: Message) -> str:
    return clip(message.own.text or message.lead.details, _DETAILS) or "No additional details available."


def _others(message: Message) -> list[str]:
    if message.own.text is not None:
        return []
    lines = [f"{'' if item.firing else 'resolved: '}{clip(item.scored, _CELL)}" for item in message.others]
    return [*lines, f"+{message.uncounted} more"] if message.uncounted else lines


def _text(message: Message) -> str:
    lead = message.lead
    lines = [_heading(message), "", message.headline, ""]
    lines += [f"{name}: {clip(value, _CELL)}" for name, value in _rows(lead)]
    lines += ["", "Actions Required", *(f"- {_ACTIONS[words]}: {url}" for words, url in lead.links)] if lead.links else []
    lines += ["", "Additional Details", _details(message)]
    if lead.trend is not None:
        lines += ["", clip(lead.trend.caption, _CELL), sparkline(lead.trend.values)]
    if others := _others(message):
        lines += ["", "Other alerts", *(f"- {line}" for line in others)]
    return "\n".join([*lines, "", "--", f"This alert was generated by the {FOOTER} ({message.reason})", ""])


def _html(message: Message, picture: str) -> str:
    """The page; `picture` is the content id of the picture of the leading alert's trend, where it has one."""
    lead, own = message.lead, message.own.html
    rows = "".join(
        f"<tr><td><strong>{escape(name)}</strong></td><td>{escape(clip(value, _CELL))}</td></tr>" for name, value in _rows(lead)
    )
    actions = "".join(f'<li><a href="{escape(url)}">{_ACTIONS[words]}</a></li>' for words, url in lead.links)
    others = "".join(f"<li>{escape(line)}</li>" for line in _others(message)) if own is None else ""
    details = f"<p>{escape(_details(message)).replace(chr(10), '<br>' + chr(10))}</p>" if own is None else f"<div>{own}</div>"
    return "\n".join(
        (
            f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><style>{_STYLE}</style></head><body>',
            f'<h2 style="color: {message.color};">{escape(_heading(message))}</h2>',
            f"<p>{escape(clip(message.headline, _CELL))}</p>",
            f"<h3>Alert Details</h3>\n<table>{rows}</table>",
            "" if lead.trend is None else _figure(lead.trend, picture),
            f"<h3>Actions Required</h3>\n<ul>{actions}</ul>" if actions else "",
            f"<h3>Additional Details</h3>\n{details}",
            f"<h3>Other alerts</h3>\n<ul>{others}</ul>" if others else "",
            f"<hr>\n<p><em>This alert was generated by the {FOOTER} ({escape(message.reason)})</em></p>\n</body></html>\n",
        )
    )


def _figure(trend: Trend, picture: str) -> str:
    caption = escape(clip(trend.caption, _CELL))
    size = f'width="{WIDTH // 2}" height="{HEIGHT // 2}"'
    return f'<h3>The Last Windows</h3>\n<p><img src="cid:{picture}" {size} alt="{caption}"><br>\n<em>{caption}</em></p>'
