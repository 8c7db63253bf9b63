"""Controls: one per requirement, a function of the requirement and the evidence. None ever holds without evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from driftline.envelope import iso_time
from driftline.events import ControlEvaluated, ControlStatus, EvidenceAttested, Finding, Requirement, Stage
from driftline.governance.compliance.evidence import Evidence, FairnessWindow, Group, groups_of, looked_at
from driftline.governance.compliance.requirements import (
    ATTESTABLE,
    AUDIT_LOGGING,
    BIAS,
    DOCUMENTATION,
    EXPLAINABILITY,
    LINEAGE,
)
from driftline.governance.fields import nearest
from driftline.governance.periods import DAY_US
from driftline.governance.registry import Version
from driftline.wording import amount

__all__ = ["evaluate"]

_LONG_ENOUGH = 100
"""A description has more characters than this (CMP-08)."""
_MINIMUM_ROWS = 30
"""A smaller group is not compared."""
_MINIMUM_COVERAGE = 0.95
"""Share of the rows whose group is known; below it the groups may say anything."""
_HEAD_IS_FRESH_US = DAY_US
_SHOWN_WINDOWS = 20


@dataclass(frozen=True, slots=True)
class _Examined:
    """What a control found."""

    findings: Sequence[Finding]
    evidence: Sequence[str] = ()
    recommendations: Sequence[str] = ()


_Control = Callable[[Requirement, Evidence], _Examined]


def evaluate(model_id: str, requirement: Requirement, evidence: Evidence) -> ControlEvaluated:
    """The verdict on one requirement, at the time of the evidence."""
    control = _CONTROLS.get(requirement.name)
    if control is None:
        hint = f"no control evaluates it; {nearest(requirement.name, _CONTROLS)}"
        examined, status = _Examined((Finding(subject=requirement.name, detail=hint),)), ControlStatus.NOT_IMPLEMENTED
    else:
        examined = control(requirement, evidence)
        status = _status(examined.findings)
    examined, status = _vouched(requirement, evidence, examined, status)
    missing = [finding.detail for finding in examined.findings if finding.holds is None]
    return ControlEvaluated(
        model_id=model_id,
        control=requirement.name,
        status=status,
        score=_share_that_holds(examined.findings),
        findings=tuple(examined.findings),
        requirement=requirement,
        evidence=tuple(examined.evidence),
        recommendations=tuple(dict.fromkeys((*examined.recommendations, *missing))),
        at=evidence.at,
    )


def _status(findings: Sequence[Finding]) -> ControlStatus:
    verdicts = {finding.holds for finding in findings}
    if False in verdicts:
        return ControlStatus.NON_COMPLIANT
    if True not in verdicts:
        return ControlStatus.INSUFFICIENT_EVIDENCE
    return ControlStatus.PARTIAL if None in verdicts else ControlStatus.COMPLIANT


def _share_that_holds(findings: Sequence[Finding]) -> float:
    return sum(finding.holds is True for finding in findings) / len(findings) if findings else 0.0


def _vouched(
    requirement: Requirement, evidence: Evidence, examined: _Examined, status: ControlStatus
) -> tuple[_Examined, ControlStatus]:
    """A statement stands for what Driftline cannot see; it never outweighs evidence that something does not hold."""
    statement = evidence.statements.get(requirement.name) if requirement.name in ATTESTABLE else None
    if statement is None or status not in {ControlStatus.PARTIAL, ControlStatus.INSUFFICIENT_EVIDENCE}:
        return examined, status
    finding = _stated(requirement, evidence, statement)
    if finding.holds is None:
        return replace(examined, findings=(*examined.findings, finding)), status
    shown = tuple(one for one in examined.findings if one.holds is not None)
    reference = f"EvidenceAttested of {iso_time(statement.at)}"
    judged = ControlStatus.ATTESTED if finding.holds else ControlStatus.NON_COMPLIANT
    advice = () if finding.holds else examined.recommendations
    return _Examined((*shown, finding), (*examined.evidence, reference), advice), judged


def _stated(requirement: Requirement, evidence: Evidence, statement: EvidenceAttested) -> Finding:
    """What a statement is worth at the time of the evidence."""
    said = f"{statement.actor} vouches for it until {iso_time(statement.until)}: {statement.statement} ({statement.document})"
    newest = max((one.registered.at for one in _versions_in_use(evidence).values()), default=0)
    if statement.until <= evidence.at:
        return Finding(subject="attested", detail=f"The statement of {statement.actor} is over: attest it again")
    if requirement.name == LINEAGE and requirement.documentation_current and newest > statement.at:
        return Finding(subject="attested", detail="A version was registered after the statement: attest it for that too")
    if requirement.name != EXPLAINABILITY:
        return Finding(subject="attested", holds=True, value=statement.value, detail=said)
    if statement.value is None:
        return Finding(subject="attested", detail="The statement names no coverage: attest it with its value")
    limit = requirement.coverage_threshold
    return Finding(subject="attested", holds=statement.value >= limit, value=statement.value, limit=limit, detail=said)


def _versions_in_use(evidence: Evidence) -> Mapping[str, Version]:
    versions = evidence.model.versions if evidence.model else {}
    return {name: version for name, version in versions.items() if version.stage is not Stage.ARCHIVED}


def _documentation(_: Requirement, evidence: Evidence) -> _Examined:
    model = evidence.model
    if model is None:
        return _Examined((Finding(subject="registered", detail="Register the model: driftline model register"),))
    said = model.registered
    length = len(said.description)
    used = _versions_in_use(evidence)
    bare = [name for name, version in used.items() if not version.registered.description]
    of_versions = (
        Finding(subject="version_descriptions", detail="No version is registered; driftline model version")
        if not used
        else Finding(
            subject="version_descriptions",
            holds=not bare,
            detail=f"Describe version {', '.join(bare[:5])}" if bare else f"{amount(len(used), 'version')} with a description",
        )
    )
    findings = (
        Finding(subject="has_description", holds=length > 0, detail="The description of the model"),
        Finding(
            subject="description_length",
            holds=length > _LONG_ENOUGH,
            value=float(length),
            limit=float(_LONG_ENOUGH),
            detail=f"{amount(length, 'character')}, more than {_LONG_ENOUGH} are asked for",
        ),
        Finding(subject="has_tags", holds=bool(said.tags), detail=amount(len(said.tags), "tag")),
        of_versions,
    )
    advice = [
        text for finding in findings if finding.holds is False for text in _ADVICE.get(finding.subject, (finding.detail,))
    ]
    return _Examined(findings, (f"ModelRegistered of {iso_time(said.at)}",), advice)


_ADVICE: Mapping[str, tuple[str, ...]] = {
    "has_description": ("Add comprehensive model description",),
    "description_length": ("Expand model description to include use case, assumptions, and limitations",),
    "has_tags": ("Add relevant tags for model categorization and discovery",),
}


def _bias(requirement: Requirement, evidence: Evidence) -> _Examined:
    attributes = requirement.protected_attributes or (evidence.monitor.protected if evidence.monitor else ())
    if not attributes:
        detail = "No column is protected: name them in protected_attributes, and under protected in the monitor"
        return _Examined((Finding(subject="protected_attributes", detail=detail),))
    windows = looked_at(evidence.windows)
    findings = [_parity(name, windows, requirement.fairness_threshold) for name in attributes]
    return _Examined(
        findings,
        [
            f"WindowReport of {one.model_version}, {one.granularity} from {iso_time(one.start)}"
            for one in windows[-_SHOWN_WINDOWS:]
        ],
        [
            text
            for finding in findings
            if finding.holds is False
            for text in (
                f"Investigate bias in {finding.subject} predictions",
                f"Consider rebalancing training data for {finding.subject}",
                f"Implement bias mitigation techniques for {finding.subject}",
            )
        ],
    )


def _parity(attribute: str, windows: Sequence[FairnessWindow], threshold: float) -> Finding:
    """Demographic parity: the smallest selection rate of a group over the largest."""
    rows, own = groups_of(windows, attribute)
    large = {name: group for name, group in own.items() if group.rows >= _MINIMUM_ROWS}
    rates = {name: group.selected / group.rows for name, group in large.items()}
    if not own:
        detail = (
            f"No window of the last 30 days tells groups of {attribute} apart: protect it in the monitor, and watch predictions"
        )
        return Finding(subject=attribute, limit=threshold, detail=detail)
    said = "; ".join(_told(name, group) for name, group in sorted(own.items())[:10])
    if len(rates) < 2 or max(rates.values()) <= 0:
        detail = f"Fewer than two groups of {attribute} with {_MINIMUM_ROWS} rows and a favourable prediction: {said}"
        return Finding(subject=attribute, limit=threshold, detail=detail)
    known = sum(group.rows for group in own.values())
    if known < _MINIMUM_COVERAGE * rows:
        detail = f"The group is known of {known} of {rows} rows, less than {_MINIMUM_COVERAGE:.0%}: send {attribute} with each"
        return Finding(subject=attribute, limit=threshold, detail=detail)
    ratio = min(rates.values()) / max(rates.values())
    return Finding(subject=attribute, holds=ratio >= threshold, value=ratio, limit=threshold, detail=said)


def _told(name: str, group: Group) -> str:
    rate = f", {group.selected / group.rows:.3f} favourable" if group.rows else ""
    right = f", accuracy {group.correct / group.labelled:.3f} of {group.labelled}" if group.labelled else ""
    return f"{name}: {amount(group.rows, 'row')}{rate}{right}"


def _explainability(requirement: Requirement, _: Evidence) -> _Examined:
    methods = " or ".join(requirement.methods)
    detail = f"Driftline sees no explanations of predictions: attest that {methods} covers {requirement.coverage_threshold:.0%} of them"
    advice = (
        "Generate SHAP explanations for model predictions",
        "Add LIME explanations for complex cases",
        "Document explanation methodology",
    )
    finding = Finding(subject="coverage", limit=requirement.coverage_threshold, detail=detail)
    return _Examined((finding,), (), advice)


def _lineage(_: Requirement, evidence: Evidence) -> _Examined:
    source = evidence.provenance
    known = "file" in source and "sha256" in source
    findings = (
        Finding(
            subject="source_tables_documented",
            holds=True if known else None,
            detail=f"The baseline was fitted on {source['file']}, SHA-256 {source['sha256']}"
            if known
            else "No baseline of a monitor says what it was fitted on: driftline baseline fit notes it",
        ),
        Finding(
            subject="feature_transformations_documented",
            detail="Driftline sees no transformations of features: attest where they are documented",
        ),
        Finding(
            subject="model_dependencies_tracked",
            detail="Driftline sees no dependencies of models: attest where they are tracked",
        ),
    )
    shown = (f"Baseline {evidence.monitor.baseline_id}",) if known and evidence.monitor else ()
    return _Examined(findings, shown)


def _audit_logging(requirement: Requirement, evidence: Evidence) -> _Examined:
    head, kept = evidence.head, evidence.kept_days
    fresh = head is not None and head.at > evidence.at - _HEAD_IS_FRESH_US
    counted = evidence.watermark is not None
    recorded = Finding(
        subject="predictions_recorded",
        holds=True if counted else None,
        detail=f"Predictions were counted up to {iso_time(evidence.watermark)}"
        if evidence.watermark is not None
        else "No prediction of the model was counted: send predictions, and apply a monitor",
    )
    signed = Finding(
        subject="signed_ledger",
        holds=True if fresh else None,
        value=float(head.size) if head else None,
        detail=f"A head of {amount(head.size, 'entry')} was signed at {iso_time(head.at)}"
        if head and fresh
        else "No head of the ledger was signed within 24 hours: start the audit service",
    )
    shortest = min(kept, key=kept.__getitem__, default=None)
    retention = Finding(
        subject="retention",
        holds=None if shortest is None else kept[shortest] >= requirement.retention_days,
        value=None if shortest is None else kept[shortest],
        limit=float(requirement.retention_days),
        detail="The broker does not say for how long it keeps the topics"
        if shortest is None
        else f"{shortest} is kept for {kept[shortest]:g} days (retention.ms), the least of {', '.join(kept)}",
    )
    shown = (f"CheckpointSigned of {head.log_id} at {head.size}",) if head else ()
    holds = counted and fresh and retention.holds
    return _Examined((recorded, signed, retention), shown, () if holds else _AUDIT_ADVICE)


_AUDIT_ADVICE = (
    "Enable inference logging on serving endpoints",
    "Configure appropriate data retention policies",
    "Set up audit log monitoring",
)

_CONTROLS: Mapping[str, _Control] = {
    DOCUMENTATION: _documentation,
    BIAS: _bias,
    EXPLAINABILITY: _explainability,
    LINEAGE: _lineage,
    AUDIT_LOGGING: _audit_logging,
}
