"""docs/reference/response.md says what there is: keys, guards, actions, states, commands."""

import re
from pathlib import Path

from driftline.alerting.response.actions import Action
from driftline.alerting.response.guards import GUARDS
from driftline.alerting.response.plan import State
from driftline.alerting.response.policy import Limits, Mode, ModelPolicy, RollbackConditions, Thresholds, Verification
from driftline.alerting.response.policy_file import _MODEL, load
from driftline.alerting.response.workflow import SCHEDULE
from driftline.cli.response import app

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "response.md").read_text(encoding="utf-8")


def test_the_policy_that_is_shown_is_read_and_shows_the_defaults() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    shown = load(text).of("nyc.flights.delay")
    assert shown.thresholds == Thresholds()
    assert shown.limits == Limits()
    assert shown.rollback == RollbackConditions()
    assert shown.verification == Verification()
    assert shown.remedies == ModelPolicy().remedies


def test_every_key_is_explained_and_no_other() -> None:
    table = PAGE.partition("## Every key")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == _MODEL


def test_the_guards_stand_in_their_order() -> None:
    table = PAGE.partition("## Guards")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(GUARDS)


def test_every_action_mode_and_state_is_named() -> None:
    table = PAGE.partition("## What an action is")[2].partition("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = {name: row.split("|")[2].strip() for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {action.value: action.least_band.word for action in Action}
    assert all(f"`{name}`" in PAGE for name in (*Mode, *State))
    assert SCHEDULE in PAGE


def test_every_command_exists() -> None:
    known = {command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands}
    assert set(re.findall(r"driftline response ([a-z-]+)", PAGE)) <= known
