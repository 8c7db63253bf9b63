"""One message per cause, however many columns drift."""

import json

from driftline.alerting.decisions import NotifyReason
from driftline.events import ColumnDrift
from tests.unit.alerting.builders import detected
from tests.unit.services.alerting.bench_of_parts import by_priority

COLUMNS = tuple(ColumnDrift(column=f"c{number:03}", measure="psi", value=1.0 + number, limit=0.2) for number in range(200))


def test_50_models_of_which_200_columns_drift_make_50_messages_with_the_worst_columns_and_the_count_of_the_rest(
    make_parts,
) -> None:
    parts = make_parts(by_priority(), configured=frozenset({"webhook"}))
    parts.take(*(detected(model_id=f"shop.m{number}", episode_id=f"e{number}", columns=COLUMNS) for number in range(50)))
    parts.pass_time(30)
    sent = [row for row in parts.notifications() if row.channel == "webhook"]
    assert [row.reason for row in sent] == [NotifyReason.FIRST] * 50
    parts.deliver()
    assert len(parts.channel.sent) == 50
    details = json.loads(parts.channel.sent[0].body)["alert_data"]["details"]
    assert details.splitlines()[-1] == "and 195 more checks"
    assert len(details.splitlines()) == 7
