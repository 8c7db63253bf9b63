"""Models and monitors as the API shows them."""

from dataclasses import asdict
from typing import Any

from driftline.drift.dialect import explained
from driftline.envelope import iso_time
from driftline.events import ComplianceReported, ControlEvaluated
from driftline.governance.monitors import SINCE_EVER, Plan, standing
from driftline.governance.naming import table_of
from driftline.governance.registry import Model, Version, namespace, short_name
from services.governance.store import AppliedMonitor, Store

View = dict[str, Any]


def model_view(model: Model) -> View:
    """A model with its versions; times in RFC 3339."""
    registered = model.registered
    return {
        "model_id": registered.model_id,
        "name": short_name(registered.model_id),
        "namespace": namespace(registered.model_id),
        "description": registered.description,
        "owner": registered.owner,
        "tags": dict(registered.tags),
        "created_at": iso_time(model.created_at),
        "versions": [version_view(version) for version in model.versions.values()],
    }


def version_view(version: Version) -> View:
    """A version with its stage and how it came there."""
    registered = version.registered
    return {
        "model_version": registered.model_version,
        "stage": version.stage.value,
        "description": registered.description,
        "artifact_digest": registered.artifact_digest,
        "tags": dict(registered.tags),
        "registered_at": iso_time(registered.at),
        "registered_by": registered.actor,
        "history": [
            {
                "from": step.from_stage.value,
                "to": step.to_stage.value,
                "reason": step.reason,
                "actor": step.actor,
                "at": iso_time(step.at),
            }
            for step in version.history
        ],
    }


def monitor_view(applied: AppliedMonitor, store: Store, now: int, *, whole: bool = True) -> View:
    """A monitor version with what became of it. `whole`: with its columns and checks, as the topic has them."""
    monitor = applied.monitor
    stands = standing(monitor.monitor_version, applied_at=applied.applied_at, reports=store.reports(monitor.model_id), now=now)
    watermark = store.watermark(monitor.model_id)
    view: View = {
        "model_id": monitor.model_id,
        "monitor_version": monitor.monitor_version,
        "status": stands.state.value,
        "reason": stands.reason,
        "effective_from": "since ever" if monitor.effective_from == SINCE_EVER else iso_time(monitor.effective_from),
        "applied_at": iso_time(applied.applied_at),
        "applied_by": monitor.actor,
        "watermark": None if watermark is None else iso_time(watermark),
        "baseline_id": monitor.baseline_id,
        "profile_metrics_table_name": table_of(monitor.model_id, "profile_metrics"),
        "drift_metrics_table_name": table_of(monitor.model_id, "drift_metrics"),
    }
    return view | {"monitor": asdict(monitor)} if whole else view


def planned_view(planned: Plan) -> View:
    """What applying a definition would come to."""
    return {
        "model_id": planned.monitor.model_id,
        "monitor_version": planned.monitor.monitor_version,
        "outcome": planned.outcome.value,
        "dry_run": True,
        "monitor": asdict(planned.monitor),
        "business": explained(planned.monitor),
    }


def report_view(report: ComplianceReported) -> View:
    """A compliance report without its controls."""
    return {
        "model_id": report.model_id,
        "model_name": short_name(report.model_id),
        "compliance_level": report.level.value,
        "compliance_score": report.score,
        "total_checks": report.total_checks,
        "compliant_checks": report.compliant_checks,
        "attested_checks": report.attested_checks,
        "statuses": {one.control: one.status.value.lower() for one in report.results},
        "trigger": report.trigger.value,
        "asked_by": report.actor,
        "report_timestamp": iso_time(report.at),
        "next_review_date": iso_time(report.next_review),
    }


def compliance_view(report: ComplianceReported, store: Store) -> View:
    """A compliance report with what each control found, and what is required now."""
    return report_view(report) | {
        "recommendations": list(report.recommendations),
        "detailed_results": {one.control: _control_view(one) for one in store.controls(report)},
        "requirements": {one.name: asdict(one) for one in store.requirements(report.model_id)},
    }


def _control_view(control: ControlEvaluated) -> View:
    return {
        "status": control.status.value.lower(),
        "score": control.score,
        "details": {one.subject: asdict(one) for one in control.findings},
        "evidence": list(control.evidence),
        "recommendations": list(control.recommendations),
    }
