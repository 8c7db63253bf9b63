"""The texts in the documentation are what they say."""

import re
from pathlib import Path

from driftline.alerting.config import load
from driftline.alerting.templates.context import NAMES
from driftline.alerting.templates.rendering import Texts
from driftline.alerting.templates.sample import context_of, sample_contexts
from driftline.alerting.templates.sandbox import Sandbox
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import EXAMPLE

PAGE = (Path(__file__).parents[4] / "docs/reference/alerting-configuration.md").read_text(encoding="utf-8")
PART = PAGE.partition("## Texts of your own")[2].partition("\n## ")[0]


def test_the_worked_examples_render() -> None:
    macros = {"team.j2": re.findall(r"```jinja\n(.*?)```", PART, re.DOTALL)[0]}
    first, second = re.findall(r"```yaml\n(.*?)```", PART, re.DOTALL)
    (slack,) = load(first).receivers["team"].channels
    known = context_of([alert(**EXAMPLE)], labels={"model_id": "churn"})
    assert slack.texts is not None
    texts = Texts(slack.texts)
    assert texts.render("title", known) == "HIGH: churn"
    assert "• *Model Performance Degradation Detected*, risk 75.5/100, since 1970-01-" in texts.render("text", known)
    mail, page = load(second, templates=lambda _: macros).receivers["duty"].channels
    mail, page = sorted((mail, page), key=lambda channel: channel.kind)
    assert mail.texts is not None
    assert page.texts is not None
    assert Texts(page.texts).render("description", known).startswith("Model Performance Degradation Detected at ")
    assert "<b>Do what https://wiki.example.org" in Texts(mail.texts).render("html", known)
    assert "<b>Ask #mlops.</b>" in Texts(mail.texts).render("html", sample_contexts()[1])


def test_every_name_and_every_filter_is_documented() -> None:
    named = set(re.findall(r"`(\w+)`", PART))
    assert named >= NAMES
    assert set(sample_contexts()[0]["alerts"][0]) <= named
    assert {name for name in Sandbox({}).filters if name[0] != "("} <= named
