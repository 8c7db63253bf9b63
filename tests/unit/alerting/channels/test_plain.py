from driftline.alerting.channels.plain import plain
from driftline.alerting.decisions import NotifyReason
from tests.unit.alerting.builders import DAY, alert
from tests.unit.alerting.channels.notices import EXAMPLE, message, posted


def test_the_text_says_all_that_somebody_on_call_needs() -> None:
    title, text = plain(message(alert(**EXAMPLE), alert(model_id="other", title="Another")))
    assert title == "🔴 MLOps Alert: Model Performance Degradation Detected"
    first, *rest = text.split("\n")
    assert first.startswith("telecom.prod.churn_model 1 · high priority · risk 75.5/100 · since ")
    assert rest[:4] == [
        "Affected segments: senior_citizens, fiber_optic_customers",
        "",
        "F1 score dropped below 0.65 threshold. Expected loss increased by 40%.",
        "f1 = 0.61 (limit 0.65)",
    ]
    assert rest[4:7] == ["", "Other alerts", "- Another (risk 45.0/100)"]
    assert rest[-1] == "View Runbook: https://wiki.example.org/mlops/performance-runbook"


def test_it_says_for_how_many_others_it_speaks() -> None:
    _, text = plain(message(alert(**EXAMPLE), speaks_for=4))
    assert "\nSpeaks for 4 less urgent alerts of the same window, not told apart.\n" in text


def test_an_end_says_until_when() -> None:
    title, text = plain(message(alert(**EXAMPLE, ends_at=12 * DAY), reason=NotifyReason.ALL_RESOLVED))
    assert title.startswith("✅ MLOps Alert resolved")
    assert " · until 1970-01-13" in text.split("\n")[0]


def test_an_alert_that_others_posted_is_told_by_its_labels() -> None:
    _, text = plain(posted("a", "b"))
    assert text.startswith("alertname=Disk instance=a severity=page · medium priority · since ")
    assert "\n- Disk full (instance=b)\n" in text


def test_texts_of_others_cannot_grow_beyond_bounds() -> None:
    title, text = plain(message(*(alert(model_id=f"m{n}", title="t" * 9_000, details="d" * 9_000) for n in range(20))))
    assert len(title) <= 250
    assert len(text) < 20_000
