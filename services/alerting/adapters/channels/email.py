"""E-mail by SMTP: STARTTLS by default, the relay's address checked and pinned like every other.

Answers 4xx are tried again, 5xx are final. Where a relay takes only some of the recipients, the next try goes to the others;
a repeat has the same Message-ID.
"""

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

import aiosmtplib
import structlog

from driftline.alerting.channels.email import Envelope, compose, message_id, parse_address
from driftline.alerting.channels.texts import clip, one_line
from driftline.alerting.delivery import Delivered, Outcome, Refused, TryAgain
from services.alerting.adapters.channels.guarded import NotPermitted, checked_address
from services.alerting.adapters.channels.json_post import Reach
from services.alerting.adapters.channels.port import Outgoing

_OK = 250
_REMEMBERED = 1_000
"""Mails of which some recipients have been served; more than wait at once."""

log = structlog.get_logger("driftline.alerting.email")


class Encryption(StrEnum):
    """How the way to the relay is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes the mail."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class EmailChannel:
    """Hands mail to one relay, over a new connection for each message."""

    def __init__(self, relay: Relay, envelope: Envelope, reach: Reach, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: the system's trust unless given."""
        self.host = relay.host
        self._relay = relay
        self._envelope = envelope
        self._reach = reach
        self._tls = tls or ssl.create_default_context()
        self._addresses = tuple(parse_address(recipient).addr_spec for recipient in envelope.recipients)
        self._served: OrderedDict[str, frozenset[str]] = OrderedDict()

    def send(self, message: Outgoing) -> Outcome:
        """Compose and hand over; see the Channel port."""
        mail = compose(message.message, self._envelope, now=self._reach.clock.now_us(), thread=message.thread)
        served = self._served.get(message.notification_id, frozenset())
        waiting = [address for address in self._addresses if address not in served]
        try:
            refused = asyncio.run(self._hand_over(mail, waiting))
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {each.recipient: each.code for each in error.recipients}
        except NotPermitted as error:
            return Refused(str(error))
        except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
            return self._failed(error)
        return self._concluded(message, waiting, refused)

    def close(self) -> None:
        """No connection is kept."""

    async def _hand_over(self, mail: EmailMessage, recipients: Collection[str]) -> dict[str, int]:
        """Codes of the recipients that were refused while others were taken."""
        taken: dict[str, int] | None = None
        try:
            async with asyncio.timeout(self._reach.timeout_seconds), self._client() as client:
                sender = parse_address(self._envelope.sender).addr_spec
                refused, _ = await client.sendmail(sender, list(recipients), mail.as_bytes())
                taken = {address: answer.code for address, answer in refused.items()}
        except (aiosmtplib.SMTPException, TimeoutError, OSError):
            if taken is None:  # else only the farewell failed
                raise
        return taken or {}

    def _client(self) -> aiosmtplib.SMTP:
        relay, reach = self._relay, self._reach
        return aiosmtplib.SMTP(
            hostname=relay.host,
            sock=_connected(relay, reach),
            username=relay.user,
            password=relay.password,
            use_tls=relay.encryption is Encryption.TLS,
            start_tls=relay.encryption is Encryption.STARTTLS,
            tls_context=self._tls,
            timeout=reach.timeout_seconds,
        )

    def _concluded(self, message: Outgoing, waiting: Collection[str], refused: dict[str, int]) -> Outcome:
        later = [address for address, code in refused.items() if code < 500]
        never = [address for address, code in refused.items() if code >= 500]
        if len(never) == len(self._addresses):
            return Refused("the relay refuses every recipient", refused[never[0]])
        for address in never:
            log.warning("the relay refuses a recipient for good", recipient=address, code=refused[address])
        if later:
            self._remember(message.notification_id, set(self._addresses) - set(later))
            return TryAgain(f"{len(later)} of {len(waiting)} recipients not yet", refused[later[0]])
        self._served.pop(message.notification_id, None)
        return Delivered(_OK, message.thread or message_id(message.notification_id, self._envelope))

    def _remember(self, notification_id: str, served: Collection[str]) -> None:
        self._served[notification_id] = frozenset(served)
        while len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)

    def _failed(self, error: Exception) -> Outcome:
        match error:
            case aiosmtplib.SMTPResponseException():
                said = f"answered {error.code}: {clip(one_line(error.message), 200)}"
                return Refused(said, error.code) if error.code >= 500 else TryAgain(said, error.code)
            case TimeoutError() | aiosmtplib.SMTPTimeoutError():
                return TryAgain(f"no answer within {self._reach.timeout_seconds:g} s")
            case ssl.SSLCertVerificationError():
                return TryAgain(f"its certificate is not valid: {error.verify_message}")
        return TryAgain(f"{type(error).__name__}: {clip(one_line(str(error)), 200)}")


def _connected(relay: Relay, reach: Reach) -> socket.socket:
    """A connection to an address of the relay that was checked. Raises NotPermitted, OSError."""
    address = checked_address(relay.host, relay.port, reach.allowed, reach.resolver)
    connection = socket.create_connection((str(address), relay.port), reach.timeout_seconds)
    connection.setblocking(False)
    return connection
