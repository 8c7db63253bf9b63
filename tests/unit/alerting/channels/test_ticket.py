import json

import pytest
from hypothesis import given, settings

from driftline.alerting.alert import AlertType, Priority
from driftline.alerting.channels.message import Message
from driftline.alerting.channels.texts import units
from driftline.alerting.channels.ticket import TicketForm, Tracker, check_template, comment, issue, key_of
from driftline.alerting.config import load
from driftline.alerting.errors import InvalidAlertingConfig
from tests.unit.alerting.channels.notices import EXAMPLE, example, hostile, posted, resolved

JIRA = TicketForm(tracker=Tracker.JIRA, project="MLOPS", labels=("drift",))
GITHUB = TicketForm(tracker=Tracker.GITHUB, project="acme/models", labels=("drift", "model"))


def test_a_critical_drift_is_titled_as_people_ask_for() -> None:
    told = example(alert_type=AlertType.DRIFT_DETECTION, priority=Priority.CRITICAL)
    fields = issue(told, JIRA)["fields"]
    assert fields["summary"] == "Critical drift in telecom.prod.churn_model"
    assert (fields["project"], fields["issuetype"], fields["labels"]) == ({"key": "MLOPS"}, {"name": "Bug"}, ["drift"])
    assert EXAMPLE["details"] in fields["description"]
    assert "Risk score: 75.5/100" in fields["description"]
    assert "View Runbook: https://wiki.example.org/mlops/drift-runbook" in fields["description"]
    assert told.notification_id in fields["description"]


def test_an_alert_that_others_posted_is_titled_by_its_own_words() -> None:
    fields = issue(posted("a"), JIRA)["fields"]
    assert fields["summary"] == "Medium: Disk full"
    assert "alertname: Disk\ninstance: a\nseverity: page\n" in fields["description"]
    assert "Unknown" not in fields["description"]
    own = TicketForm(tracker=Tracker.JIRA, project="MLOPS", title="{labels}")
    assert issue(posted("a"), own)["fields"]["summary"] == "alertname: Disk instance: a severity: page"


def test_an_issue_of_github_holds_texts_of_others_as_code() -> None:
    made = issue(example(details="@everyone ``` [x](https://evil.example)"), GITHUB)
    assert made["title"] == "High performance degradation in telecom.prod.churn_model"
    assert made["labels"] == ["drift", "model"]
    assert made["body"].startswith("``````text\n@everyone ``` [x]")
    assert made["body"].endswith("\n``````")


def test_where_issues_and_comments_go() -> None:
    assert (JIRA.path, JIRA.comment_path("MLOPS-7")) == ("/rest/api/2/issue", "/rest/api/2/issue/MLOPS-7/comment")
    assert (GITHUB.path, GITHUB.comment_path("12")) == ("/repos/acme/models/issues", "/repos/acme/models/issues/12/comments")


def test_what_a_tracker_answers_names_the_issue() -> None:
    assert key_of({"id": "10", "key": "MLOPS-7"}, JIRA) == "MLOPS-7"
    assert key_of({"id": 99, "number": 12}, GITHUB) == "12"
    assert key_of({}, GITHUB) is None


def test_an_end_is_a_comment() -> None:
    assert comment(resolved(), JIRA)["body"].startswith("✅ MLOps Alert resolved: ")


def test_a_template_fills_in_what_is_known_once_and_names_what_is_not() -> None:
    form = TicketForm(tracker=Tracker.JIRA, project="P", title=check_template("[{priority}] {title}"))
    assert issue(example(title="{details} {nonsense}"), form)["fields"]["summary"] == "[High] {details} {nonsense}"
    with pytest.raises(ValueError, match="names wodel, x; known are"):
        check_template("{x} {wodel} {model}")


@given(hostile())
@settings(max_examples=40, deadline=None)
def test_every_issue_keeps_to_the_published_limits(told: Message) -> None:
    fields, made = issue(told, JIRA)["fields"], issue(told, GITHUB)
    for title in (fields["summary"], made["title"]):
        assert 0 < units(title) <= 255
        assert "\n" not in title
    for body in (fields["description"], made["body"], comment(told, JIRA)["body"], comment(told, GITHUB)["body"]):
        assert units(body) <= 32_767
    json.dumps([fields, made], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("type: trello, url: https://x.org, token: t, project: p", "must be jira or github"),
        ("type: jira, url: x.org, token: t, project: p", "must begin with https"),
        ("type: jira, url: https://x.org, token: t", "project is missing"),
        ("type: jira, url: https://x.org, token: t, project: p, title: '{wodel}'", "names wodel"),
    ],
)
def test_a_receiver_that_cannot_open_issues_is_a_fault(fields, problem) -> None:
    with pytest.raises(InvalidAlertingConfig, match=problem):
        load("{route: {receiver: all}, receivers: [{name: all, ticket_configs: [{%s}]}]}" % fields)  # noqa: UP031  braces
