"""The first alert of README.md: its definition is understood, and its producer sends what the definition watches."""

import re
from pathlib import Path

from driftline import sdk, topics
from driftline.clock import ManualClock
from driftline.drift.dialect import Dialect
from driftline.events import ColumnKind, Policy
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic

PAGE = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
KINDS = {
    "tenure": ColumnKind.NUMERIC,
    "contract": ColumnKind.CATEGORICAL,
    ":prediction": ColumnKind.CATEGORICAL,
    ":score": ColumnKind.NUMERIC,
}


def only(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_definition_is_understood():
    facts = BaselineFacts(KINDS, ("no", "yes"))
    found = parse_definition(only("yaml"), model_id="shop.churn", actor="a", baseline=facts, dialect=Dialect()).monitor
    assert (found.policy, found.alert_on, found.minimum_n) == (Policy.LIMITS, "1 day", 200)
    assert {(one.family, one.measure, one.limit) for one in found.thresholds} >= {
        ("feature", "psi", 0.25),
        ("performance", "accuracy", 0.8),
    }


def test_the_producer_sends_a_prediction_and_its_label(monkeypatch):
    cluster = MemoryCluster(ManualClock(1))
    names = [topics.name("predictions"), topics.name("labels")]
    cluster.admin().create([NewTopic(name, 2) for name in names])
    made = sdk.Client(cluster.producer(), partitions=2, clock=ManualClock(1))
    monkeypatch.setattr(sdk.Client, "connect", lambda _: made)
    exec(only("python"), {})
    assert [len(cluster.records(name)) for name in names] == [1, 1]
