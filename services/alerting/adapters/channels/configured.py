"""What the configuration says about a channel: the fields of its receiver, else the settings of the service."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from driftline.alerting.channels.email import Envelope, parse_address
from driftline.alerting.channels.ticket import TicketForm, Tracker
from driftline.alerting.routing import ChannelSpec
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.apprise import AppriseUrl
from services.alerting.adapters.channels.email import Encryption, Relay
from services.alerting.adapters.channels.json_post import Place
from services.alerting.adapters.channels.slack import SlackBot
from services.alerting.adapters.channels.splunk import SplunkCollector
from services.alerting.adapters.channels.ticket import TicketDesk
from services.alerting.settings import ChannelSettings

PREFIX = "DRIFTLINE_ALERTING_"
_PORTS = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Given:
    """The fields of a receiver's integration."""

    spec: ChannelSpec

    @property
    def empty(self) -> bool:
        """Whether the receiver only names the channel."""
        return not self.spec.options

    def text(self, name: str) -> str | None:
        """A field, or what the file holds that `<name>_file` names; the file is read once, at the start."""
        value = self.spec.options.get(name)
        file = self.spec.options.get(f"{name}_file")
        if value is not None or file is None:
            return None if value is None else str(value)
        try:
            found = Path(str(file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self.spec.name}: {name}_file cannot be read: {file}") from error
        if not found:
            raise ConfigurationError(f"{self.spec.name}: {name}_file is empty: {file}")
        return found

    def flag(self, name: str) -> bool | None:
        """A field that is true or false; None where it is absent."""
        value = self.spec.options.get(name)
        return value if isinstance(value, bool) else None

    def place(self, name: str) -> Place | None:
        """A field that is a URL."""
        url = self.text(name)
        return None if url is None else Place(url, f"{self.spec.name}: {name}")


def slack(given: Given, settings: ChannelSettings) -> Place | SlackBot | None:
    """An incoming webhook, or a bot."""
    if given.empty:
        place = secret_place(settings.alerting_slack_webhook_url, "SLACK_WEBHOOK_URL")
        token, channel = secret(settings.alerting_slack_bot_token), settings.alerting_slack_channel
        names = (f"{PREFIX}SLACK_WEBHOOK_URL", f"{PREFIX}SLACK_BOT_TOKEN", f"{PREFIX}SLACK_CHANNEL")
    else:
        place, token, channel = given.place("api_url"), given.text("app_token"), given.text("channel")
        names = (f"{given.spec.name}: api_url", "app_token", "channel")
    if place is not None and token is not None:
        raise ConfigurationError(f"{names[0]} and {names[1]} are both set; keep one")
    if token is None:
        return place
    if channel is None:
        raise ConfigurationError(f"{names[1]} is set but {names[2]} is not")
    return SlackBot(token=token, channel=channel, api_url=settings.alerting_slack_api_url)


def teams(given: Given, settings: ChannelSettings) -> Place | None:
    """A workflow's webhook."""
    if given.empty:
        return secret_place(settings.alerting_teams_webhook_url, "TEAMS_WEBHOOK_URL")
    return given.place("webhook_url")


def pagerduty(given: Given, settings: ChannelSettings) -> tuple[str, Place] | None:
    """A routing key, and where its events go."""
    key = secret(settings.alerting_pagerduty_routing_key) if given.empty else given.text("routing_key")
    place = given.place("url") or Place(settings.alerting_pagerduty_url, f"{PREFIX}PAGERDUTY_URL")
    return None if key is None else (key, place)


def splunk(given: Given) -> SplunkCollector | None:
    """A collector; only a receiver of the configuration has one."""
    place, token = given.place("url"), given.text("token")
    if place is None or token is None:
        return None
    return SplunkCollector(place=place, token=token, sourcetype=given.text("sourcetype"), index=given.text("index"))


def apprise(given: Given) -> AppriseUrl | None:
    """A URL of Apprise; only a receiver of the configuration has one."""
    url = given.text("url")
    return None if url is None else AppriseUrl(url, f"{given.spec.name}: url")


def ticket(given: Given) -> TicketDesk | None:
    """A tracker; only a receiver of the configuration has one."""
    place, token, project = given.place("url"), given.text("token"), given.text("project")
    if place is None or token is None or project is None:
        return None
    labels = given.spec.options.get("labels", [])
    usual = TicketForm(tracker=Tracker(given.text("type") or ""), project=project)
    form = replace(
        usual,
        issue_type=given.text("issue_type") or usual.issue_type,
        labels=tuple(map(str, labels if isinstance(labels, list) else [labels])),
        title=given.text("title") or usual.title,
        description=given.text("description") or usual.description,
    )
    return TicketDesk(place=Place(place.url.rstrip("/"), place.name), form=form, token=token, user=given.text("user"))


def email(given: Given, settings: ChannelSettings) -> tuple[Relay, Envelope] | None:
    """A relay, and who writes to whom."""
    return _email_of_settings(settings) if given.empty else _email_of_receiver(given)


def _email_of_settings(settings: ChannelSettings) -> tuple[Relay, Envelope] | None:
    sender, host, recipients = settings.alerting_email_from, settings.alerting_smtp_host, settings.recipients
    parts = {"EMAIL_FROM": sender, "EMAIL_TO": recipients, "SMTP_HOST": host}
    missing = [name for name, value in parts.items() if not value]
    if len(missing) == len(parts):
        return None
    if sender is None or host is None or not recipients:
        raise ConfigurationError(f"for e-mail set {' and '.join(PREFIX + name for name in missing)} too")
    encryption, user = Encryption(settings.alerting_smtp_tls), settings.alerting_smtp_user
    password = secret(settings.alerting_smtp_password)
    if (user is None) != (password is None):
        raise ConfigurationError(f"set both of {PREFIX}SMTP_USER and {PREFIX}SMTP_PASSWORD, or neither")
    port = settings.alerting_smtp_port or _PORTS[encryption]
    relay = Relay(host=host, port=port, encryption=encryption, user=user, password=password)
    _refuse_clear_password(relay, f"{PREFIX}SMTP_TLS=none")
    return relay, Envelope(sender=sender, recipients=recipients)


def _email_of_receiver(given: Given) -> tuple[Relay, Envelope]:
    host, _, port = (given.text("smarthost") or "").rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ConfigurationError(f"{given.spec.name}: smarthost must be host:port")
    encryption = Encryption.NONE if given.flag("require_tls") is False else Encryption.STARTTLS
    implicit = given.flag("force_implicit_tls")
    if implicit or (implicit is None and int(port) == _PORTS[Encryption.TLS]):
        encryption = Encryption.TLS
    user, password = given.text("auth_username"), given.text("auth_password")
    if (user is None) != (password is None):
        raise ConfigurationError(f"{given.spec.name}: set both of auth_username and auth_password, or neither")
    relay = Relay(host=host.strip("[]"), port=int(port), encryption=encryption, user=user, password=password)
    _refuse_clear_password(relay, f"{given.spec.name}: require_tls: false")
    return relay, _envelope(given)


def _envelope(given: Given) -> Envelope:
    sender = given.text("from") or ""
    recipients = tuple(dict.fromkeys(one.strip() for one in (given.text("to") or "").split(",") if one.strip()))
    try:
        for address in (sender, *(recipients or ("",))):
            parse_address(address)
    except ValueError as error:
        raise ConfigurationError(f"{given.spec.name}: from or to: {error}") from error
    return Envelope(sender=sender, recipients=recipients)


def _refuse_clear_password(relay: Relay, cause: str) -> None:
    if relay.user is not None and relay.encryption is Encryption.NONE and relay.host not in _LOCAL:
        raise ConfigurationError(f"{cause} would send the password in the clear; encrypt the way to the relay")


def secret(value: SecretStr | None) -> str | None:
    """The text of a secret setting."""
    return None if value is None else value.get_secret_value()


def secret_place(value: SecretStr | None, name: str) -> Place | None:
    """A secret setting that is a URL."""
    return None if value is None else Place(value.get_secret_value(), PREFIX + name)
