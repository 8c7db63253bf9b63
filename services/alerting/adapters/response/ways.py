"""The two ways besides Kafka: a signed webhook, and MLflow's REST API, which moves an alias. Both may be repeated."""

from typing import Protocol

from driftline.alerting.addresses import AllowList
from driftline.alerting.delivery import Outcome, Refused, judge
from driftline.alerting.response.policy import Delivery
from driftline.clock import Clock
from services.alerting.adapters.channels.guarded import Answer, GuardedClient, Resolve, resolve
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.channels.webhook import WebhookChannel, WebhookTarget
from services.alerting.settings import AlertingSettings

_TIMEOUT_SECONDS = 30.0
_ALIAS = "/api/2.0/mlflow/registered-models/alias"
"""SetRegisteredModelAlias of MLflow's REST API: name, alias, version; the alias is created or moved."""


class Way(Protocol):
    """Sends one message; the id is the same in every repeat."""

    def send(self, message: Outgoing) -> Outcome:
        """Send, within a timeout. Returns what came of it; raises nothing that a network can cause."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class MlflowAlias:
    """Moves an alias of a registered model."""

    def __init__(self, url: str, token: str | None, allowed: AllowList, clock: Clock, resolver: Resolve = resolve) -> None:
        """`url` is that of the tracking server. Raises ConfigurationError for one that can never be sent to."""
        self._client = GuardedClient(
            url.rstrip("/") + _ALIAS, allowed, timeout_seconds=_TIMEOUT_SECONDS, name="the URL of MLflow", resolver=resolver
        )
        self._token = token
        self._clock = clock

    def __repr__(self) -> str:
        return "MlflowAlias()"  # never the token

    def send(self, message: Outgoing) -> Outcome:
        """Post the alias; saying the same twice changes nothing."""
        headers = {"Content-Type": "application/json", "User-Agent": "driftline-alerting"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = self._client.post(message.body, headers)
        if not isinstance(answer, Answer):
            return answer
        return judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us())

    def close(self) -> None:
        """Connections close with their threads."""
        self._client.close()


class NotConfigured:
    """The policy names a way that has no address."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def send(self, _message: Outgoing) -> Outcome:
        """Refuse, naming the setting."""
        return Refused(f"not configured: set {self._setting}")

    def close(self) -> None:
        """Nothing is open."""


def build_ways(settings: AlertingSettings, clock: Clock) -> dict[str, Way]:
    """The ways by the name of their delivery."""
    url, mlflow = settings.alerting_response_webhook_url, settings.alerting_response_mlflow_url
    token = settings.alerting_response_mlflow_token
    return {
        Delivery.WEBHOOK: NotConfigured("DRIFTLINE_ALERTING_RESPONSE_WEBHOOK_URL")
        if url is None
        else WebhookChannel(
            WebhookTarget(url=url.get_secret_value(), keys=settings.response_webhook_keys), settings.allowed, clock
        ),
        Delivery.MLFLOW: NotConfigured("DRIFTLINE_ALERTING_RESPONSE_MLFLOW_URL")
        if mlflow is None
        else MlflowAlias(mlflow, None if token is None else token.get_secret_value(), settings.allowed, clock),
    }
