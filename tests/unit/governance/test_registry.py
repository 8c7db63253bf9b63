from dataclasses import replace

import pytest

from driftline.events import ModelRegistered, ModelVersionRegistered, Stage, StageChanged
from driftline.governance.errors import Conflict, DefinitionRefused, NotFound
from driftline.governance.registry import (
    change_stage,
    check_id,
    fold,
    namespace,
    register_model,
    register_version,
    short_name,
)

MODEL = ModelRegistered(model_id="shop.eu.churn", description="d", owner="ann", tags={"a": "b"}, actor="ann", at=1)
VERSION = ModelVersionRegistered(
    model_id="shop.eu.churn", model_version="1.0", description="", artifact_digest="a" * 64, tags={}, actor="ann", at=2
)
STEP = StageChanged(
    model_id="shop.eu.churn",
    model_version="1.0",
    from_stage=Stage.DEVELOPMENT,
    to_stage=Stage.STAGING,
    reason="tests pass",
    actor="bob",
    at=3,
)


def model(*events):
    found = None
    for event in events:
        found = fold(found, event)
    return found


def step(to_stage=Stage.STAGING, *, on=None, expected=None, monitored=True, reason="tests pass"):
    on = model(MODEL, VERSION) if on is None else on
    return change_stage(on, replace(STEP, to_stage=to_stage, reason=reason), expected_stage=expected, monitored=monitored)


def test_a_model_remembers_its_versions_their_stages_and_who_moved_them():
    found = model(MODEL, VERSION, STEP)
    assert found.versions["1.0"].stage is Stage.STAGING
    assert found.versions["1.0"].history == (STEP,)
    assert found.created_at == 1


def test_describing_a_model_anew_keeps_its_versions_and_age():
    found = model(MODEL, VERSION, replace(MODEL, description="better", at=9))
    assert (found.registered.description, found.created_at, list(found.versions)) == ("better", 1, ["1.0"])


def test_an_event_whose_beginning_is_lost_still_counts():
    assert model(STEP).versions["1.0"].stage is Stage.STAGING


def test_registering_the_same_again_is_no_event():
    assert register_model(model(MODEL), replace(MODEL, actor="bob", at=7)) is None
    assert register_model(model(MODEL), replace(MODEL, owner="eve")) == replace(MODEL, owner="eve")
    assert register_model(None, MODEL) == MODEL
    assert register_version(model(MODEL, VERSION), replace(VERSION, at=7)) is None


def test_a_version_needs_its_model():
    with pytest.raises(NotFound, match="model register"):
        register_version(None, VERSION)


def test_a_version_is_one_artifact_for_ever():
    with pytest.raises(Conflict, match="new version"):
        register_version(model(MODEL, VERSION), replace(VERSION, artifact_digest="b" * 64))
    with pytest.raises(Conflict, match="new version"):
        register_version(model(MODEL, VERSION), replace(VERSION, artifact_digest=None))


def test_a_digest_is_a_sha256():
    with pytest.raises(DefinitionRefused, match="64"):
        register_version(model(MODEL), replace(VERSION, artifact_digest="ABC"))


def test_a_step_knows_where_it_came_from():
    archived = replace(STEP, from_stage=Stage.STAGING, to_stage=Stage.ARCHIVED)
    found = change_stage(
        model(MODEL, VERSION, STEP), replace(archived, from_stage=Stage.PRODUCTION), expected_stage=None, monitored=False
    )
    assert found == archived


def test_a_step_repeated_is_no_event_even_with_the_old_expectation():
    assert step(on=model(MODEL, VERSION, STEP), expected=Stage.DEVELOPMENT) is None


def test_a_step_refused_says_why():
    with pytest.raises(Conflict, match="expected it in STAGING"):
        step(Stage.ARCHIVED, expected=Stage.STAGING)
    with pytest.raises(Conflict, match="goes to STAGING"):
        step(Stage.PRODUCTION)
    with pytest.raises(Conflict, match="say why"):
        step(reason="")
    with pytest.raises(Conflict, match="monitor"):
        step(Stage.PRODUCTION, on=model(MODEL, VERSION, STEP), monitored=False)
    with pytest.raises(NotFound, match="model version"):
        step(on=model(MODEL))


@pytest.mark.parametrize("text", ["", "  ", "x" * 129, "é" * 65, "a\nb", "a\x00"])
def test_an_id_is_short_and_printable(text):
    with pytest.raises(DefinitionRefused, match="128 bytes"):
        check_id(text, "model_id")


def test_the_namespace_is_everything_before_the_last_dot():
    assert (namespace("shop.eu.churn"), short_name("shop.eu.churn")) == ("shop.eu", "churn")
    assert (namespace("churn"), short_name("churn")) == ("", "churn")
