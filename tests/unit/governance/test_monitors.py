import pytest

from driftline.events import ColumnKind, MonitorState, MonitorStatus
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.governance.errors import Conflict, DefinitionRefused
from driftline.governance.monitors import (
    ACKNOWLEDGE_WITHIN_US,
    SINCE_EVER,
    Outcome,
    plan,
    standing,
)
from driftline.governance.periods import HOUR_US

LEAST = "baseline: abc\npositive_class: late\n"


def definition(more: str = "", actor: str = "ann"):
    return parse_definition(
        LEAST + more, model_id="shop.churn", actor=actor, baseline=BaselineFacts({"temp": ColumnKind.NUMERIC})
    )


def apply(wanted, *, current=None, expected_version=None, watermark=None):
    return plan(wanted, current=current, expected_version=expected_version, watermark=watermark)


def test_the_first_monitor_holds_since_ever():
    made = apply(definition(), expected_version=0, watermark=5 * HOUR_US)
    assert made.outcome is Outcome.CREATED
    assert (made.monitor.monitor_version, made.monitor.effective_from) == (1, SINCE_EVER)


def test_a_change_begins_at_the_next_pane_boundary_past_the_watermark():
    first = apply(definition()).monitor
    made = apply(definition("minimum_n: 50"), current=first, expected_version=1, watermark=5 * HOUR_US)
    assert made.outcome is Outcome.CHANGED
    assert (made.monitor.monitor_version, made.monitor.effective_from) == (2, 6 * HOUR_US)


def test_a_change_before_anything_was_seen_holds_since_ever_too():
    first = apply(definition()).monitor
    assert apply(definition("minimum_n: 50"), current=first).monitor.effective_from == SINCE_EVER


def test_a_change_of_panes_begins_on_a_boundary_of_both():
    first = apply(definition("granularities: [10 min]")).monitor
    made = apply(definition("granularities: [15 min]"), current=first, watermark=0)
    assert made.monitor.effective_from == HOUR_US // 2


def test_the_same_definition_again_changes_nothing_whatever_was_expected():
    first = apply(definition()).monitor
    for expected in (None, 0, 1, 7):
        again = apply(definition(actor="bob"), current=first, expected_version=expected, watermark=9 * HOUR_US)
        assert (again.outcome, again.monitor) == (Outcome.UNCHANGED, first)


def test_a_stale_expectation_is_a_conflict_that_tells_the_present_version():
    first = apply(definition()).monitor
    with pytest.raises(Conflict, match="version 1 is in force"):
        apply(definition("minimum_n: 50"), current=first, expected_version=0)
    with pytest.raises(Conflict, match="has no monitor"):
        apply(definition(), expected_version=3)


def test_decided_time_cannot_be_redefined():
    first = apply(definition()).monitor
    with pytest.raises(DefinitionRefused, match="decided already"):
        apply(definition("effective_from: 1970-01-01T05:00:00Z"), current=first, watermark=5 * HOUR_US)


def test_a_wanted_beginning_lies_on_a_pane_boundary():
    first = apply(definition()).monitor
    with pytest.raises(DefinitionRefused, match="boundary"):
        apply(definition("effective_from: 1970-01-01T08:30:00Z"), current=first, watermark=5 * HOUR_US)
    made = apply(definition("effective_from: 1970-01-01T08:00:00Z"), current=first, watermark=5 * HOUR_US)
    assert made.monitor.effective_from == 8 * HOUR_US


def report(version, state, reason=""):
    return MonitorStatus(model_id="shop.churn", monitor_version=version, status=state, reason=reason, evaluator="d0", at=0)


def test_a_version_is_pending_until_somebody_speaks_of_it():
    early = standing(2, applied_at=0, reports=[report(1, MonitorState.ACTIVE)], now=ACKNOWLEDGE_WITHIN_US - 1)
    late = standing(2, applied_at=0, reports=[report(1, MonitorState.ACTIVE)], now=ACKNOWLEDGE_WITHIN_US)
    assert (early.state, late.state) == (MonitorState.PENDING, MonitorState.FAILED)
    assert "30 minutes" in late.reason


def test_the_last_word_of_the_evaluator_counts_even_after_thirty_minutes():
    said = [report(1, MonitorState.REJECTED, "baseline is newer"), report(1, MonitorState.ACTIVE)]
    assert standing(1, applied_at=0, reports=said[:1], now=0).reason == "baseline is newer"
    assert standing(1, applied_at=0, reports=said, now=99 * HOUR_US).state is MonitorState.ACTIVE
