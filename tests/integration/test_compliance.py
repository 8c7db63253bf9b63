"""From what is required of a model to the person who is told, on a real Kafka: governance in this process, alerting in its own."""

import pytest

from driftline import topics
from driftline.broker.embedded import EmbeddedBroker
from driftline.clock import SystemClock
from driftline.events import ModelRegistered, RequirementsDeclared
from driftline.governance.compliance.requirements import requirements_of
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.preflight import new_topic
from driftline.runtime.topic_cache import open_engine
from services.governance.adapters.journal import TOPICS as GOVERNANCE_TOPICS
from services.governance.adapters.journal import Journal, Proposal
from services.governance.consumer import Desk
from services.governance.jobs import Evaluation
from services.governance.store import Store
from tests.integration.alerting_harness import TOPICS, Receiver, Service, create_topics, read_topic, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def broker(tmp_path):
    with EmbeddedBroker(tmp_path / "kafka") as broker:
        create_topics(broker.bootstrap)
        others = [new_topic(topics.catalogue()[name]) for name in GOVERNANCE_TOPICS if name not in TOPICS]
        ConfluentCluster.at(broker.bootstrap).admin().create(others)
        yield broker


def model(description, at):
    return ModelRegistered(model_id="shop.churn", description=description, owner="", tags={"a": "b"}, actor="ann", at=at)


def test_a_model_that_lacks_what_is_required_is_told_and_its_end_too(broker, tmp_path) -> None:
    store = Store(open_engine(f"sqlite:///{tmp_path / 'governance.db'}"))
    journal = Journal(ConfluentCluster.at(broker.bootstrap), SystemClock())
    desk = Desk(journal, store)
    desk.open()
    kept = store.evidence("shop.churn", 1).kept_days
    assert kept["driftline.windows"] == 400

    def write(*events):
        future = desk.change(lambda _: Proposal(events, None), "ann")
        desk.step()
        future.result(0)

    required = requirements_of("audit_logging: {retention_days: 401}")
    write(model("", 1), RequirementsDeclared(model_id="shop.churn", requirements=required, actor="ann", at=2))

    def evaluate():
        assert Evaluation(desk, store, SystemClock()).take_if_due()
        desk.step()

    with Receiver() as receiver, Service(broker.bootstrap, tmp_path / "alerting") as service:
        service.environment["DRIFTLINE_ALERTING_WEBHOOK_URL"] = receiver.url
        service.start()
        evaluate()
        wait_for(lambda: len(receiver.hooks) == 1, what="the notification")
        told = receiver.hooks[0].body["alert_data"]
        assert (told["title"], told["alert_type"]) == ("Model churn compliance issue", "compliance")
        assert told["runbook_url"].endswith("/mlops/compliance-runbook")
        assert "audit_logging: non compliant" in told["details"]

        write(RequirementsDeclared(model_id="shop.churn", requirements=(), actor="ann", at=3))
        evaluate()
        wait_for(lambda: len(receiver.hooks) == 2, what="the end")
        assert receiver.hooks[1].body["status"] == "resolved"
        evaluate()
        assert service.terminate() == 0
    journal.close()
    kinds = [type(event).__name__ for _, event in read_topic(broker.bootstrap, "compliance")]
    assert kinds == ["ControlEvaluated", "ComplianceReported", "ComplianceReported"]
