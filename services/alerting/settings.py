"""Settings of alerting; what decides about people's notifications is in the YAML that `alerting_config` names."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from driftline.alerting.addresses import AllowList, parse_allow_list
from driftline.alerting.enrichment import Links
from driftline.alerting.signature import parse_secret
from driftline.runtime.settings import ServiceSettings

_MICROSECONDS = 1_000_000


class AlertingSettings(ServiceSettings):
    """The shared settings, and those of this service."""

    http_port: int = Field(default=8083, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    alerting_config: Path | None = Field(
        default=None, description="YAML with routes and receivers; without it the priority chooses the channels"
    )
    alerting_webhook_url: str | None = Field(default=None, description="where the channel `webhook` posts to")
    alerting_webhook_secret: SecretStr | None = Field(
        default=None, description="signs the webhook: whsec_ and base64 of 24 to 64 bytes; several with spaces while rotating"
    )
    alerting_allow_addresses: str = Field(
        default="", description="private addresses and networks that webhooks may reach, such as 127.0.0.1,10.1.0.0/16"
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
    alerting_send_workers: int = Field(default=8, ge=1, le=64, description="messages under way at once per channel")
    console_url: str = Field(default="http://127.0.0.1:8080", description="where the console is, for links")
    alerting_runbooks_url: str | None = Field(default=None, description="before /mlops/<name>-runbook; else the console")
    alerting_dashboards_url: str | None = Field(default=None, description="before /model-monitoring-<model>; else the console")

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
    def links(self) -> Links:
        """Where runbooks and dashboards are."""
        return Links(
            runbooks=(self.alerting_runbooks_url or self.console_url).rstrip("/"),
            dashboards=(self.alerting_dashboards_url or self.console_url).rstrip("/"),
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
