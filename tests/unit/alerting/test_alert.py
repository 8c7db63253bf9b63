from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.alert import Priority, fingerprint, short_name
from tests.unit.alerting.builders import alert


def test_fingerprint_is_fnv_1a_of_sorted_labels_with_separators() -> None:
    # FNV-1a 64 of b"a\xff1\xff", computed by hand with the published constants.
    digest = 0xCBF29CE484222325
    for byte in b"a\xff1\xff":
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    assert fingerprint({"a": "1"}) == f"{digest:016x}"
    assert fingerprint({}) == "cbf29ce484222325"


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), max_size=5))
def test_fingerprint_does_not_depend_on_order_nor_on_empty_labels(labels: dict[str, str]) -> None:
    backwards = dict(reversed(labels.items()))
    assert fingerprint(backwards) == fingerprint(labels)
    assert fingerprint({**backwards, "\x00never": ""}) == fingerprint(labels)


def test_severity_and_priority_are_matched_on_but_are_no_identity() -> None:
    medium = alert()
    critical = replace(medium, severity="CRITICAL", priority=Priority.CRITICAL)
    assert critical.alert_id == medium.alert_id
    assert "severity" not in medium.labels
    assert "priority" not in medium.labels
    assert critical.routing_labels["severity"] == "CRITICAL"
    assert critical.routing_labels["priority"] == "critical"
    assert critical.routing_labels["alertname"] == "drift_detection"


def test_short_name_is_what_follows_the_last_dot() -> None:
    assert short_name("catalog.db.churn_model") == "churn_model"
    assert short_name("churn") == "churn"
