"""Settings of alerting; what decides about people's notifications is in the YAML that `alerting_config` names."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from driftline.alerting.addresses import AllowList, parse_allow_list
from driftline.alerting.channels.email import parse_address
from driftline.alerting.enrichment import Links
from driftline.alerting.signature import parse_secret
from driftline.runtime.settings import ServiceSettings

_MICROSECONDS = 1_000_000


class ChannelSettings(ServiceSettings):
    """Where each channel goes. One without an address is not configured, and said to be so for each notification."""

    alerting_webhook_url: str | None = Field(default=None, description="where the channel `webhook` posts to")
    alerting_webhook_secret: SecretStr | None = Field(
        default=None, description="signs the webhook: whsec_ and base64 of 24 to 64 bytes; several with spaces while rotating"
    )
    alerting_slack_webhook_url: SecretStr | None = Field(default=None, description="incoming webhook of Slack")
    alerting_slack_bot_token: SecretStr | None = Field(
        default=None, description="xoxb-... with the scope chat:write, instead of the webhook: threads, updates in place"
    )
    alerting_slack_channel: str | None = Field(default=None, description="channel that the bot writes to, best by its id C...")
    alerting_slack_api_url: str = Field(default="https://slack.com/api", description="Web API of Slack")
    alerting_slack_signing_secret: SecretStr | None = Field(
        default=None, description="signing secret of the application: with it messages have buttons to acknowledge and silence"
    )
    alerting_teams_webhook_url: SecretStr | None = Field(default=None, description="Workflows webhook of Microsoft Teams")
    alerting_pagerduty_routing_key: SecretStr | None = Field(
        default=None, description="integration key of PagerDuty, type Events API v2"
    )
    alerting_pagerduty_url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue", description="Events API; events.eu.pagerduty.com in Europe"
    )
    alerting_pagerduty_webhook_secret: SecretStr | None = Field(
        default=None, description="secret of a webhook subscription V3: an incident acknowledged in PagerDuty is so here too"
    )
    alerting_email_from: str | None = Field(default=None, description="sender of mails, such as mlops@example.com")
    alerting_email_to: str = Field(default="", description="recipients of mails, with commas between them")
    alerting_smtp_host: str | None = Field(default=None, description="relay that takes the mails")
    alerting_smtp_port: int | None = Field(
        default=None, ge=1, le=65535, description="its port; else 587, 465 for tls, 25 for none"
    )
    alerting_smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="how the way there is encrypted"
    )
    alerting_smtp_user: str | None = Field(default=None, description="name for the relay; none: it asks for none")
    alerting_smtp_password: SecretStr | None = Field(default=None, description="password for the relay")
    alerting_allow_addresses: str = Field(
        default="", description="private addresses and networks that channels may reach, such as 127.0.0.1,10.1.0.0/16"
    )

    @field_validator("alerting_webhook_secret")
    @classmethod
    def _secret_is_usable(cls, value: SecretStr | None) -> SecretStr | None:
        for text in () if value is None else value.get_secret_value().split():
            parse_secret(text)
        return value

    @field_validator("alerting_allow_addresses")
    @classmethod
    def _addresses_are_readable(cls, value: str) -> str:
        parse_allow_list(value.split(","))
        return value

    @field_validator("alerting_email_from")
    @classmethod
    def _sender_is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            parse_address(value)
        return value

    @field_validator("alerting_email_to")
    @classmethod
    def _recipients_are_addresses(cls, value: str) -> str:
        for text in _listed(value):
            parse_address(text)
        return value

    @property
    def allowed(self) -> AllowList:
        """The private addresses that may be reached."""
        return parse_allow_list(self.alerting_allow_addresses.split(","))

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """Keys that sign the channel `webhook`."""
        texts = () if self.alerting_webhook_secret is None else self.alerting_webhook_secret.get_secret_value().split()
        return tuple(map(parse_secret, texts))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets mails, each once."""
        return tuple(dict.fromkeys(_listed(self.alerting_email_to)))


class ResponseSettings(ChannelSettings):
    """The automated response. Without a policy every model is in shadow: plans are recorded, nothing is done."""

    alerting_response_policy: Path | None = Field(default=None, description="YAML that says what may be done to which model")
    alerting_response_webhook_url: SecretStr | None = Field(default=None, description="where actions are posted to")
    alerting_response_webhook_secret: SecretStr | None = Field(
        default=None, description="signs them: whsec_ and base64 of 24 to 64 bytes; several with spaces while rotating"
    )
    alerting_response_mlflow_url: str | None = Field(default=None, description="tracking server whose aliases are moved")
    alerting_response_mlflow_token: SecretStr | None = Field(default=None, description="bearer token for it")

    @field_validator("alerting_response_webhook_secret")
    @classmethod
    def _response_secret_is_usable(cls, value: SecretStr | None) -> SecretStr | None:
        for text in () if value is None else value.get_secret_value().split():
            parse_secret(text)
        return value

    @property
    def response_webhook_keys(self) -> tuple[bytes, ...]:
        """Keys that sign actions."""
        secret = self.alerting_response_webhook_secret
        return () if secret is None else tuple(map(parse_secret, secret.get_secret_value().split()))


class AlertingSettings(ResponseSettings):
    """The shared settings, those of the channels and of the response, and those of this service."""

    http_port: int = Field(default=8083, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    alerting_config: Path | None = Field(
        default=None, description="YAML with routes and receivers; without it the priority chooses the channels"
    )
    alerting_group_wait_seconds: float | None = Field(default=None, ge=0, description="overrides group_wait of every route")
    alerting_group_interval_seconds: float | None = Field(
        default=None, gt=0, description="overrides group_interval of every route"
    )
    alerting_repeat_interval_seconds: float | None = Field(
        default=None, gt=0, description="overrides repeat_interval of every route"
    )
    alerting_give_up_after_seconds: float = Field(
        default=3600.0, gt=0, description="after which a notification that cannot be delivered counts as failed"
    )
    alerting_send_workers: int = Field(default=32, ge=1, le=64, description="messages under way at once per channel")
    alerting_history_days: int = Field(
        default=90, ge=7, description="days for which what is over stays in the database: notifications, histories, plans"
    )
    alerting_heartbeat_url: SecretStr | None = Field(
        default=None, description="read once a minute while all that is due is done; who watches it tells when it stops"
    )
    console_url: str = Field(default="http://127.0.0.1:8080", description="where the console is, for links")
    alerting_runbooks_url: str | None = Field(default=None, description="before /mlops/<name>-runbook; else the console")
    alerting_public_url: str | None = Field(
        default=None, description="where Slack and Teams reach this service, to fetch pictures; none: they get none"
    )
    alerting_dashboards_url: str | None = Field(default=None, description="before /model-monitoring-<model>; else the console")

    @property
    def links(self) -> Links:
        """Where runbooks and dashboards are."""
        return Links(
            runbooks=(self.alerting_runbooks_url or self.console_url).rstrip("/"),
            dashboards=(self.alerting_dashboards_url or self.console_url).rstrip("/"),
            pictures=None if self.alerting_public_url is None else self.alerting_public_url.rstrip("/"),
        )

    @property
    def timers_us(self) -> dict[str, int | None]:
        """The overriding timers as `with_timers` takes them."""
        seconds = {
            "wait": self.alerting_group_wait_seconds,
            "interval": self.alerting_group_interval_seconds,
            "repeat": self.alerting_repeat_interval_seconds,
        }
        return {name: None if value is None else int(value * _MICROSECONDS) for name, value in seconds.items()}

    @property
    def database(self) -> str:
        """URL of the alerting database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'alerting.db'}"


class AloneSettings(AlertingSettings):
    """Those of a service without Kafka."""

    tokens_file: Path = Field(default=Path(), description="without it everybody who reaches the address may do everything")

    @property
    def is_open(self) -> bool:
        """Whether no tokens are asked for, as in Alertmanager."""
        return self.tokens_file == Path()


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
