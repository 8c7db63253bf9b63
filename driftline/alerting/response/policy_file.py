"""The response policy as YAML, read strictly: every fault with its line and what to do."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from driftline.alerting.config_document import Field, open_document
from driftline.alerting.durations import parse_duration
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.response.actions import Action, Category
from driftline.alerting.response.policy import (
    Delivery,
    Limits,
    Mode,
    ModelPolicy,
    ResponsePolicy,
    RollbackConditions,
    Thresholds,
    Verification,
)

T = TypeVar("T")
_TOP = frozenset({"version", "kill_switch", "defaults", "models"})
_THRESHOLDS: Mapping[str, Mapping[str, str]] = {
    "auto_remediation": {"risk_score": "auto_risk", "confidence": "confidence"},
    "human_escalation": {"risk_score": "human_risk", "business_impact": "business_impact"},
    "emergency_response": {"risk_score": "emergency_risk", "critical_feature_drift": "critical_feature_drift"},
    "pause_serving": {"risk_score": "pause_risk"},
}
"""Names of the file, and what they are called here."""
_DURATIONS = frozenset({"cool_down", "approval_timeout", "execution_timeout", "timeout"})
_MODEL = frozenset(
    {"mode", "endpoint", "granularity", "critical_features", "impact_metrics", "thresholds", "remediation_actions", "deliver"}
) | {"rollback_conditions", "limits", "verification", "approval_required", "no_fallback", "mlflow", "contacts"}


def load(text: str, *, source: str = "response.yml") -> ResponsePolicy:
    """The policy in a YAML text; `source` is the file's name in faults. Raises InvalidAlertingConfig with all faults."""
    document = open_document(text, source)
    top = document.mapping(_TOP)
    version = top["version"].text() if "version" in top else None
    stopped = top["kill_switch"].boolean() if "kill_switch" in top else None
    defaults = _model(top["defaults"], ModelPolicy()) if "defaults" in top else ModelPolicy()
    models = top["models"].mapping() if "models" in top else {}
    found = {name: _model(field, defaults) for name, field in models.items()}
    faults = document.findings.faults
    if faults:
        raise InvalidAlertingConfig(*sorted(faults, key=lambda fault: fault.line))
    return ResponsePolicy(version=version or "1", kill_switch=bool(stopped), defaults=defaults, models=found)


def _model(field: Field, default: ModelPolicy) -> ModelPolicy:
    values = field.mapping(_MODEL)
    read: dict[str, Any] = {name: values[name].text() for name in ("endpoint", "granularity") if name in values}
    if "mode" in values:
        read["mode"] = _one_of(values["mode"], Mode)
    if "critical_features" in values:
        read["critical_features"] = frozenset(values["critical_features"].texts())
    read |= {name: tuple(values[name].texts()) for name in ("impact_metrics", "contacts") if name in values}
    if "thresholds" in values:
        read["thresholds"] = _thresholds(values["thresholds"], default.thresholds)
    if "remediation_actions" in values:
        read["remedies"] = {**default.remedies, **_remedies(values["remediation_actions"])}
    if "approval_required" in values:
        read["approval_required"] = frozenset(_all_of(values["approval_required"], Action))
    if "deliver" in values:
        read["deliver"] = tuple(_all_of(values["deliver"], Delivery))
    if "no_fallback" in values:
        read["accept_no_fallback"] = _fallback(values["no_fallback"])
    for name, own in (("rollback_conditions", "rollback"), ("limits", "limits"), ("verification", "verification")):
        if name in values:
            read[own] = _numbers(values[name], getattr(default, own))
    return replace(default, **{**{name: value for name, value in read.items() if value is not None}, **_mlflow(values)})


def _thresholds(field: Field, default: Thresholds) -> Thresholds:
    found: dict[str, float] = {}
    for group, member in field.mapping(_THRESHOLDS.keys()).items():
        for name, value in member.mapping(_THRESHOLDS[group].keys()).items():
            if (number := value.read(_number)) is not None:
                found[_THRESHOLDS[group][name]] = number
    made = replace(default, **found)
    floors = [made.auto_risk, made.human_risk, made.emergency_risk, made.pause_risk]
    if sorted(floors) != floors or floors[0] <= 0 or floors[-1] > 100:
        field.fault(
            "risk scores must rise from auto_remediation over human_escalation and emergency_response to pause_serving, above 0"
        )
    return made


def _remedies(field: Field) -> dict[Category, tuple[Action, ...]]:
    return {
        Category(name): tuple(_all_of(value, Action)) for name, value in field.mapping([one.value for one in Category]).items()
    }


def _numbers(field: Field, default: T) -> T:
    """Values of a group of numbers and durations."""
    assert isinstance(default, RollbackConditions | Limits | Verification)
    found: dict[str, Any] = {}
    for name, value in field.mapping([one.name for one in fields(default)]).items():
        parse: Callable[[str], float] = parse_duration if name in _DURATIONS else _number
        if (number := value.read(parse)) is not None:
            found[name] = number if isinstance(getattr(default, name), float) else int(number)
    return replace(default, **found)


def _mlflow(values: Mapping[str, Field]) -> dict[str, str]:
    own = values["mlflow"].mapping({"name", "alias"}) if "mlflow" in values else {}
    return {f"mlflow_{name}": text for name, value in own.items() if (text := value.text()) is not None}


def _fallback(field: Field) -> bool | None:
    text = field.text()
    if text not in (None, "accept", "refuse"):
        field.fault("must be accept or refuse")
    return None if text is None else text == "accept"


def _one_of(field: Field, known: type[T]) -> T | None:
    text = field.text()
    names = [str(one) for one in known]  # type: ignore[attr-defined]  # an enumeration
    if text is not None and text not in names:
        field.fault(f"{text!r} is not known; known are {', '.join(names)}")
        return None
    return None if text is None else known(text)  # type: ignore[call-arg]


def _all_of(field: Field, known: type[T]) -> list[T]:
    return [one for item in field.items() if (one := _one_of(item, known)) is not None]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        message = f"{text!r} is no number"
        raise ValueError(message) from error
    if not 0 <= number < float("inf"):
        message = "must not be negative"
        raise ValueError(message)
    return number
