"""Requirements, evaluation and reports over the in-memory twin: API, job and topic."""

from dataclasses import replace

import pytest

from driftline import codec, envelope, topics
from driftline.events import (
    Baseline,
    BaselineColumn,
    CheckpointSigned,
    ColumnKind,
    ComplianceReported,
    ComplianceTrigger,
    ControlEvaluated,
    Measure,
    MonitorState,
    RequirementsDeclared,
)
from driftline.kafka.errors import OutcomeUnknown
from driftline.runtime.topic_cache import open_engine
from services.governance import metrics
from services.governance.adapters.journal import TOPICS, Journal
from services.governance.consumer import Desk
from services.governance.jobs import EVERY_US, Census, Evaluation
from services.governance.store import Store
from tests.builders import report_of
from tests.unit.services.governance.test_api import House
from tests.unit.services.governance.test_consumer import report

DAY = 86_400_000_000
DOCUMENTED = "model_documentation: {}\naudit_logging: {}\n"
PATH = "/v1/compliance/shop.churn"
COLUMN = BaselineColumn(
    name="temp", kind=ColumnKind.NUMERIC, edges=(), psi_edges=(), categories=(), counts=(), sums=(), origin=0.0
)


class Office(House):
    """Governance with its evaluation, and one registered model."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory = directory
        self.evaluation = Evaluation(self.desk, self.store, self.clock)
        self.register("short")

    def opened(self, name):
        store = Store(open_engine(f"sqlite:///{self.directory / name}.db"))
        desk = Desk(Journal(self.cluster, self.clock), store)
        desk.open()
        return desk, store

    def register(self, description):
        body = {"description": description, "tags": {"tier": "1"}}
        assert self.ask("PUT", "/v1/models/shop.churn", json=body).status_code in {200, 201}
        version = {"description": "the first"}
        assert self.ask("PUT", "/v1/models/shop.churn/versions/1", json=version).status_code in {200, 201}

    def require(self, text=DOCUMENTED):
        return self.ask("PUT", f"{PATH}/requirements", content=text.encode())

    def sign(self):
        said = CheckpointSigned(log_id="log", size=7, root="r", note="n", at=self.clock.now_us())
        self.say("checkpoints", said)

    def pass_time(self, us=EVERY_US, rounds=1):
        for _ in range(rounds):
            self.clock.advance(us)
            self.evaluation.take_if_due()
            self.desk.step()
            self.desk.step()

    def report_window(self, **changes):
        report = report_of(model_id="shop.churn", **changes)
        key = f"{report.model_id}/{report.model_version}/{report.slice}/{report.granularity}/{report.start}"
        producer = self.cluster.producer()
        producer.produce(topics.name("windows"), codec.encode(report), key=key.encode())
        producer.flush(1)
        self.desk.step()

    def written(self, kind=ComplianceReported):
        records = self.cluster.records(topics.name("compliance"))
        return [event for event in (codec.decode(record.value() or b"") for record in records) if isinstance(event, kind)]


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def test_declaring_evaluates_at_once_and_the_same_again_changes_nothing(office):
    office.sign()
    first, again = office.require(), office.require()
    assert (first.status_code, again.status_code) == (201, 200)
    view = first.json()
    assert (view["compliance_score"], view["compliance_level"]) == (0.0, "NON_COMPLIANT")
    assert [(name, one["status"]) for name, one in view["detailed_results"].items()] == [
        ("model_documentation", "non_compliant"),
        ("audit_logging", "non_compliant"),
    ]
    assert "Expand model description to include use case, assumptions, and limitations" in view["recommendations"]
    assert (view["report_timestamp"], view["next_review_date"]) == (
        "2023-11-14T22:13:20.000000Z",
        "2023-12-14T22:13:20.000000Z",
    )
    assert (view["model_name"], view["total_checks"], view["compliant_checks"]) == ("churn", 2, 0)
    assert len(office.written()) == 1
    assert len(office.written(ControlEvaluated)) == 2


def test_records_carry_key_envelope_and_actor_and_leave_in_one_transaction(office):
    office.require()
    records = office.cluster.records(topics.name("compliance"))
    said = [envelope.read(record.headers()) for record in records]
    assert {record.key() for record in records} == {b"shop.churn"}
    assert [(one.type, one.actor, one.subject) for one in said] == [
        ("ControlEvaluated", "ann", "shop.churn"),
        ("ControlEvaluated", "ann", "shop.churn"),
        ("ComplianceReported", "ann", "shop.churn"),
    ]
    assert len({one.id for one in said}) == 3
    (declared,) = [
        event
        for event in (codec.decode(record.value()) for record in office.cluster.records(topics.name("governance")))
        if isinstance(event, RequirementsDeclared)
    ]
    assert declared.actor == "ann"


def test_a_change_of_the_evidence_is_reported_within_fifteen_seconds_and_no_news_is_not(office):
    office.sign()
    office.require("model_documentation: {}")
    office.pass_time(rounds=3)
    assert [one.score for one in office.written()] == [0.0]
    office.register("y" * 101)
    office.pass_time(rounds=3)
    assert [(one.score, one.trigger, one.actor) for one in office.written()] == [
        (0.0, ComplianceTrigger.CHANGED, "ann"),
        (1.0, ComplianceTrigger.CHANGED, ""),
    ]
    assert metrics.COMPLIANCE_SCORE.labels(model_id="shop.churn")._value.get() == 1.0


def test_models_in_production_of_which_nothing_is_required_are_counted(office):
    census = Census(office.store, office.clock)
    text = "model: shop.churn\nbaseline: b1\npositive_class: late\n"
    office.say("baselines", Baseline(baseline_id="b1", model_id="m", rows=1, columns=(COLUMN,), provenance={}))
    office.ask("PUT", "/v1/monitors/shop.churn", content=text.encode())
    for stage in ("STAGING", "PRODUCTION"):
        step = {"to": stage, "reason": "go"}
        assert office.ask("POST", "/v1/models/shop.churn/versions/1/stage", json=step).status_code == 201
    census.take_if_due()
    assert metrics.UNDECLARED._value.get() == 1
    office.require()
    office.clock.advance(EVERY_US)
    census.take_if_due()
    assert metrics.UNDECLARED._value.get() == 0


def test_a_report_comes_at_the_frequency_that_is_required(office):
    office.require("model_documentation: {check_frequency: hourly}")
    office.pass_time(3_600_000_000 - 1)
    assert len(office.written()) == 1
    office.pass_time(EVERY_US)
    assert [one.trigger for one in office.written()] == [ComplianceTrigger.CHANGED, ComplianceTrigger.SCHEDULED]


def test_of_two_instances_one_reports(office):
    office.require("model_documentation: {check_frequency: hourly}")
    desk, store = office.opened("two")
    other = Evaluation(desk, store, office.clock)
    office.clock.advance(3_600_000_000)
    office.evaluation.take_if_due()
    other.take_if_due()
    office.desk.step()
    desk.step()
    assert len(office.written()) == 2


def test_a_report_whose_outcome_is_not_known_is_not_repeated(office):
    office.require("model_documentation: {check_frequency: hourly}")
    office.cluster.fail_next("commit", OutcomeUnknown("timed out"), after=True)
    office.pass_time(3_600_000_000)
    office.pass_time(rounds=3)
    assert len(office.written()) == 2
    office.cluster.fail_next("commit", OutcomeUnknown("timed out"), after=False)
    office.pass_time(3_600_000_000)
    assert len(office.written()) == 2
    office.pass_time(rounds=3)
    assert len(office.written()) == 3


def test_on_demand_is_reported_though_nothing_changed(office):
    office.require()
    answer = office.ask("POST", f"{PATH}/checks")
    assert (answer.status_code, answer.json()["trigger"], answer.json()["asked_by"]) == (201, "ON_DEMAND", "ann")
    assert len(office.written()) == 2


def test_retention_is_what_the_broker_says_and_the_ledger_must_sign(office):
    days = {name: str(400 * 86_400_000) for name in ("governance", "compliance", "windows")}
    for name, kept in days.items():
        office.cluster.admin().configure(topics.name(name), {"retention.ms": kept})
    office.desk.look_around()
    view = office.require("audit_logging: {}").json()
    assert view["detailed_results"]["audit_logging"]["status"] == "partial"
    office.sign()
    office.say("monitor-status", replace(report(MonitorState.ACTIVE, watermark=10), model_id="shop.churn"))
    office.pass_time()
    assert [one.score for one in office.written()] == [0.0, 1.0]
    office.pass_time(DAY)
    assert office.written()[-1].results[0].status == "PARTIAL"


def rate(group, selected, rows):
    return Measure(family="fairness", name="selection_rate", column=f"gender={group}", value=selected / rows, n=rows)


def test_groups_of_windows_are_evidence_and_a_later_revision_replaces_the_one_before(office):
    text = "bias_monitoring: {protected_attributes: [gender]}"
    assert office.require(text).json()["detailed_results"]["bias_monitoring"]["status"] == "insufficient_evidence"
    end = office.clock.now_us()
    times = {"start": end - DAY, "end": end, "n": 200}
    office.report_window(measures=(rate("f", 10, 100), rate("m", 90, 100)), revision=2, **times)
    office.pass_time()
    office.report_window(measures=(rate("f", 50, 100), rate("m", 50, 100)), revision=1, **times)
    office.pass_time()
    office.report_window(measures=(rate("f", 90, 100), rate("m", 90, 100)), revision=3, **times)
    office.report_window(measures=(rate("f", 1, 100), rate("m", 90, 100)), slice="a=b", **times)
    office.pass_time()
    assert [one.results[0].status for one in office.written()] == ["INSUFFICIENT_EVIDENCE", "NON_COMPLIANT", "COMPLIANT"]
    office.pass_time(31 * DAY)
    assert office.written()[-1].results[0].status == "INSUFFICIENT_EVIDENCE"


def test_a_statement_counts_with_its_name_and_runs_out(office):
    office.require("explainability: {}")
    body = {"requirement": "explainability", "statement": "stored", "document": "https://wiki", "value": 0.97, "days": 2}
    view = office.ask("POST", f"{PATH}/attestations", json=body).json()
    assert (view["compliance_score"], view["attested_checks"]) == (1.0, 1)
    assert "ann vouches for it" in str(view["detailed_results"])
    office.pass_time(2 * DAY + 1)
    assert [one.score for one in office.written()] == [0.0, 1.0, 0.0]


def test_nothing_required_any_more_is_reported_once(office):
    office.require()
    assert office.ask("DELETE", f"{PATH}/requirements").json()["total_checks"] == 0
    assert office.ask("DELETE", f"{PATH}/requirements").status_code == 200
    office.pass_time(40 * DAY)
    assert [one.total_checks for one in office.written()] == [2, 0]


def test_what_cannot_be_is_refused(office):
    assert office.ask("PUT", "/v1/compliance/unknown/requirements", content=b"").status_code == 404
    assert office.ask("GET", PATH).status_code == 404
    assert office.ask("POST", f"{PATH}/checks").status_code == 404
    wrong = office.require("bias_monitoring: {fairness_threshold: 7}")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "bias_monitoring.fairness_threshold")
    office.require("explainability: {}")
    body = {"requirement": "lineage", "statement": "s", "document": "d"}
    assert office.ask("POST", f"{PATH}/attestations", json=body).status_code == 404
    office.require("audit_logging: {}")
    answer = office.ask("POST", f"{PATH}/attestations", json=body | {"requirement": "audit_logging"})
    assert (answer.status_code, "from evidence alone" in answer.json()["detail"]) == (409, True)
    assert office.ask("POST", f"{PATH}/checks", token=office.viewer).status_code == 403
    assert office.ask("GET", "/v1/compliance", token=office.viewer).status_code == 200


def test_a_lost_cache_is_built_again_and_says_the_same(office):
    office.sign()
    office.require()
    _, fresh = office.opened("fresh")
    assert fresh.compliance_report("shop.churn") == office.store.compliance_report("shop.churn")
    assert fresh.requirements("shop.churn") == office.store.requirements("shop.churn")
    now = office.clock.now_us()
    assert fresh.evidence("shop.churn", now) == office.store.evidence("shop.churn", now)


def test_the_baseline_says_what_it_was_fitted_on(office):
    source = {"file": "t.parquet", "sha256": "ab"}
    office.say("baselines", Baseline(baseline_id="b1", model_id="m", rows=1, columns=(COLUMN,), provenance=source))
    text = "model: shop.churn\nbaseline: b1\npositive_class: late\n"
    assert office.ask("PUT", "/v1/monitors/shop.churn", content=text.encode()).status_code == 201
    lineage = office.require("data_lineage: {}").json()["detailed_results"]["data_lineage"]
    assert (lineage["status"], lineage["details"]["source_tables_documented"]["holds"]) == ("partial", True)


def test_windows_that_were_reported_too_long_ago_are_not_even_read(office):
    for days in (40, 1):
        office.report_window(start=days, end=days + DAY, measures=(rate("f", 1, 2),))
        office.clock.advance((days - 1) * DAY)
    before = metrics.RECORDS_READ._value.get()
    office.opened("fresh")
    everything = sum(len(office.cluster.records(topics.name(name))) for name in TOPICS)
    assert metrics.RECORDS_READ._value.get() - before == everything - 1
