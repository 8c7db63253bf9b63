"""How the response to a model may act. Times are microseconds, scores 0 to 100, shares 0 to 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftline.alerting.response.actions import REMEDIES, Action, Band, Category

_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
DAY = 24 * _HOUR

EMERGENCY_ANSWER = 15 * _MINUTE
"""Within which somebody must answer an emergency (RSP-20)."""


class Mode(StrEnum):
    """How much of a plan becomes true."""

    OFF = "off"
    """Nothing is planned."""
    SHADOW = "shadow"
    """The whole plan is made and recorded; nothing is done, nobody is called."""
    APPROVE = "approve"
    """Every action waits for a person."""
    AUTO = "auto"
    """Actions that no rule reserves to people are done."""


class Delivery(StrEnum):
    """Who hears of an action."""

    SERVING_COMMANDS = "serving-commands"
    """The topic of this name."""
    WEBHOOK = "webhook"
    """A signed POST."""
    MLFLOW = "mlflow"
    """An alias of the registered model is moved; only for actions that choose a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on what is done, inclusive (RSP-10 to RSP-12, RSP-16)."""

    auto_risk: float = 30.0
    confidence: float = 0.8
    """Least confidence for any action."""
    human_risk: float = 60.0
    business_impact: float = 50_000.0
    """From which people are told, whatever the risk."""
    emergency_risk: float = 80.0
    critical_feature_drift: float = 0.5
    """PSI of a critical feature from which it is an emergency, whatever the risk."""
    pause_risk: float = 90.0

    def floor(self, band: Band) -> float:
        """Lowest risk of a band."""
        return (0.0, self.auto_risk, self.human_risk, self.emergency_risk, self.pause_risk)[band]

    def band(self, risk: float) -> Band:
        """The band of a risk."""
        return max(band for band in Band if risk >= self.floor(band))


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackConditions:
    """How much worse than what it goes back to a version must be (RSP-25); either suffices."""

    error_rate_spike: float = 0.01
    """By which the rate of errors is higher, absolute."""
    performance_degradation: float = 0.02
    """By which a measure of performance is worse, relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps automation from running away."""

    min_samples: int = 200
    fresh_windows: int = 2
    """Evidence that is so many windows old counts no more."""
    cool_down: int = 6 * _HOUR
    """Between two times of the same action, and before a rollback may be rolled back."""
    per_model_day: int = 3
    per_tenant_hour: int = 10
    models_at_once: int = 3
    """Models of a tenant that may be paused or rolled back at the same time."""
    approval_timeout: int = 30 * _MINUTE
    ineffective: int = 3
    """Plans of a model in 24 hours that failed or did not help, after which its automation is switched off."""
    execution_timeout: int = _HOUR
    """Within which an action must have been delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """When a plan counts as effective."""

    windows: int = 2
    """So many of the next windows must be below the band, less its hysteresis."""
    timeout: int = DAY
    """Beyond the time that those windows and one more take, for labels to come; then a plan counts as ineffective: no data is
    never a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPolicy:
    """Everything that holds for one model."""

    mode: Mode = Mode.SHADOW
    endpoint: str | None = None
    """Where it is served, exactly; without it nothing that changes what serves is done."""
    granularity: str | None = None
    """Windows that count; None: of one day where there are such, else the shortest."""
    critical_features: frozenset[str] = frozenset()
    """Columns of which `critical_feature_drift` speaks; none named: every feature."""
    impact_metrics: tuple[str, ...] = ("revenue_at_risk", "expected_loss")
    """Business metrics that are added up to the business impact of a window."""
    thresholds: Thresholds = Thresholds()
    remedies: Mapping[Category, tuple[Action, ...]] = field(default_factory=lambda: dict(REMEDIES))
    rollback: RollbackConditions = RollbackConditions()
    limits: Limits = Limits()
    verification: Verification = Verification()
    approval_required: frozenset[Action] = frozenset()
    """Actions that wait for a person in mode auto too."""
    accept_no_fallback: bool = False
    """Whether serving may be paused where nothing can take over."""
    deliver: tuple[Delivery, ...] = (Delivery.SERVING_COMMANDS,)
    mlflow_name: str | None = None
    """Name of the registered model in MLflow; None: the model's id."""
    mlflow_alias: str = "champion"
    contacts: tuple[str, ...] = ()
    """Who must answer an emergency, for the text of the alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePolicy:
    """The policies of all models."""

    version: str = "default"
    kill_switch: bool = False
    """Nothing is done anywhere."""
    defaults: ModelPolicy = ModelPolicy()
    models: Mapping[str, ModelPolicy] = field(default_factory=dict)

    def of(self, model_id: str) -> ModelPolicy:
        """What holds for a model."""
        return self.models.get(model_id, self.defaults)
