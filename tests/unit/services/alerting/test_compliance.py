"""Compliance reports go the way of every alert: routed, grouped, told once, explained, resolved."""

from dataclasses import replace

from driftline import codec, topics
from driftline.events import ControlEvaluated, ControlStatus, Requirement
from services.alerting.adapters.received import Received
from services.alerting.store import alerts
from tests.unit.alerting.builders import DAY, compliance_of
from tests.unit.services.alerting.bench_of_parts import SECOND


def firing(parts):
    with parts.database.read() as tx:
        return alerts.firing(tx)


def test_a_low_score_is_told_once_and_its_end_too(parts, client):
    parts.take(compliance_of(0.6))
    parts.pass_time(31)
    parts.deliver()
    parts.take(compliance_of(0.6, at=401 * DAY))
    parts.pass_time(301)
    parts.deliver()
    assert len(parts.channel.sent) == 1
    (alert,) = firing(parts)
    explained = client.get(f"/v1/alerts/{alert.alert_id}/explain").json()
    assert "compliance" in str(explained)
    parts.take(compliance_of(1.0, at=402 * DAY))
    parts.pass_time(301)
    parts.deliver()
    assert len(parts.channel.sent) == 2
    assert "Model delay compliance issue" in str(parts.channel.sent)
    assert firing(parts) == []


def test_the_same_record_twice_changes_nothing(parts):
    parts.take(compliance_of(0.6), compliance_of(0.6))
    assert len(firing(parts)) == 1


def test_verdicts_on_single_controls_mean_nothing_here(parts):
    control = ControlEvaluated(
        model_id="m",
        control="x",
        status=ControlStatus.NON_COMPLIANT,
        score=0.0,
        findings=(),
        requirement=Requirement(name="x"),
        evidence=(),
        recommendations=(),
        at=SECOND,
    )
    record = Received(topic=topics.name("compliance"), partition=0, offset=0, value=codec.encode(control), headers=())
    parts.intake.handle([record])
    assert firing(parts) == []


def test_two_models_are_two_alerts(parts):
    parts.take(compliance_of(0.6), replace(compliance_of(0.6), model_id="other"))
    assert {one.title for one in firing(parts)} == {"Model delay compliance issue", "Model other compliance issue"}
