"""The section `noise_control`: words of our own beside Alertmanager's."""

from collections.abc import Mapping

from driftline.alerting.config_document import Field
from driftline.alerting.durations import parse_duration
from driftline.alerting.noise import FlappingRule, NoiseControl

_KEYS = frozenset({"flapping", "quiet_after_change", "data_quality_explains_drift", "most_urgent_speaks"})
_FLAPPING = frozenset({"times", "within", "steady"})


def read_noise(field: Field | None) -> NoiseControl:
    """What is held back without a route or a rule that says so; the defaults where nothing is written."""
    usual = NoiseControl()
    values = {} if field is None else field.mapping(_KEYS)
    return NoiseControl(
        flapping=_flapping(values["flapping"]) if "flapping" in values else usual.flapping,
        quiet_after_change=_duration(values, "quiet_after_change", usual.quiet_after_change),
        data_quality_explains_drift=_switch(values, "data_quality_explains_drift", usual.data_quality_explains_drift),
        most_urgent_speaks=_switch(values, "most_urgent_speaks", usual.most_urgent_speaks),
    )


def _flapping(field: Field) -> FlappingRule:
    usual = FlappingRule()
    values = field.mapping(_FLAPPING)
    times = values["times"].read(_count) if "times" in values else None
    return FlappingRule(
        times=usual.times if times is None else times,
        within=_duration(values, "within", usual.within),
        steady=_duration(values, "steady", usual.steady),
    )


def _duration(values: Mapping[str, Field], name: str, usual: int) -> int:
    found = values[name].read(parse_duration) if name in values else None
    return usual if found is None else found


def _switch(values: Mapping[str, Field], name: str, usual: bool) -> bool:  # noqa: FBT001
    found = values[name].boolean() if name in values else None
    return usual if found is None else found


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValueError("must be a whole number, such as 3; 0 tells of every new beginning")
    return int(text)
