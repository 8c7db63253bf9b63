"""What is required of a model, as a document that people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftline.events import Requirement
from driftline.governance.document import read_document
from driftline.governance.errors import DefinitionRefused, Problem
from driftline.governance.fields import Fields, nearest
from driftline.governance.periods import DAY_US, HOUR_US, WEEK_US

__all__ = [
    "ATTESTABLE",
    "AUDIT_LOGGING",
    "BIAS",
    "DEFAULTS",
    "DOCUMENTATION",
    "EXPLAINABILITY",
    "FREQUENCIES",
    "LINEAGE",
    "requirements_of",
]

DOCUMENTATION, BIAS, EXPLAINABILITY = "model_documentation", "bias_monitoring", "explainability"
LINEAGE, AUDIT_LOGGING = "data_lineage", "audit_logging"

FREQUENCIES: Mapping[str, int] = {"hourly": HOUR_US, "daily": DAY_US, "weekly": WEEK_US, "monthly": 30 * DAY_US}
"""Time between evaluations, microseconds, by the word for it."""

DEFAULTS: Mapping[str, Requirement] = {
    one.name: one
    for one in (
        Requirement(name=DOCUMENTATION, check_frequency="monthly"),
        Requirement(name=BIAS),
        Requirement(name=EXPLAINABILITY, methods=("shap", "lime")),
        Requirement(name=LINEAGE),
        Requirement(name=AUDIT_LOGGING),
    )
}
"""What is required where the document does not say otherwise; an empty document requires all of them."""

ATTESTABLE = frozenset({EXPLAINABILITY, LINEAGE})
"""Of these Driftline sees nothing or a part: people may vouch for the rest. The others are judged from evidence alone."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    DOCUMENTATION: (),
    BIAS: ("protected_attributes", "fairness_threshold"),
    EXPLAINABILITY: ("methods", "coverage_threshold"),
    LINEAGE: ("documentation_current",),
    AUDIT_LOGGING: ("retention_days",),
}
_MOST_DAYS = 36_500
_MOST = 100


def requirements_of(text: str) -> tuple[Requirement, ...]:
    """Read a document: a mapping of requirements to their settings. Those that it names are required, an empty one all by default.

    A name that no control evaluates is taken, for its verdict says so. Raises DefinitionRefused with every fault.
    """
    if not text.strip():
        return tuple(DEFAULTS.values())
    document = read_document(text)
    problems: list[Problem] = []
    fields = Fields(document, problems, document.values)
    if len(fields.keys()) > _MOST:
        problems.append(Problem("", f"names {len(fields.keys())} requirements; at most {_MOST} are taken"))
    problems += [Problem(name, f"a name has at most {_MOST} characters") for name in fields.keys() if len(name) > _MOST]  # noqa: SIM118
    found = tuple(_requirement(fields.section(name), name) for name in fields.keys())  # noqa: SIM118 - Fields is no mapping
    if problems:
        raise DefinitionRefused(problems)
    return found or tuple(DEFAULTS.values())


def _requirement(section: Fields, name: str) -> Requirement:
    default = DEFAULTS.get(name, Requirement(name=name))
    attributes = section.texts("protected_attributes")
    if len(attributes) > _MOST:
        section.problem("protected_attributes", f"names {len(attributes)} columns; at most {_MOST} are taken")
    if name in DEFAULTS:
        section.refuse_unknown(("required", "check_frequency", *_KEYS[name]))
    return replace(
        default,
        required=section.flag("required", default=True),
        check_frequency=section.parsed("check_frequency", default.check_frequency, _frequency),
        protected_attributes=tuple(dict.fromkeys(attributes)),
        fairness_threshold=_share(section, "fairness_threshold", default.fairness_threshold),
        methods=tuple(section.texts("methods")) or default.methods,
        coverage_threshold=_share(section, "coverage_threshold", default.coverage_threshold),
        documentation_current=section.flag("documentation_current", default=True),
        retention_days=section.whole("retention_days", default.retention_days, low=1, high=_MOST_DAYS),
    )


def _frequency(text: str) -> str:
    word = text.lower()
    if word not in FREQUENCIES:
        raise ValueError(f"{text!r} is no frequency; {nearest(word, FREQUENCIES)}")
    return word


def _share(section: Fields, key: str, default: float) -> float:
    value = section.number(key)
    if value is None:
        return default
    if not 0 < value <= 1:
        section.problem(key, f"{value} is no share; write a number above 0, at most 1")
    return value
