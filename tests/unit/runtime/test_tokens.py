"""Tokens: hashed, private, named."""

from __future__ import annotations

import json
import stat

import pytest

from driftline.errors import ConfigurationError
from driftline.runtime.tokens import Actor, TokenBook, create_token, list_tokens, revoke_token


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "tokens.json"


def test_a_token_is_known_by_its_actor_and_roles(path):
    token = create_token(path, "ana@example.org", ["viewer", "operator", "viewer"])
    actor = TokenBook(path).actor(token)
    assert actor == Actor("ana@example.org", frozenset({"viewer", "operator"}), token.split("_")[1])


def test_the_file_is_private_and_does_not_hold_the_token(path):
    token = create_token(path, "ana", ["viewer"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in path.read_text()
    assert token.split("_", 2)[2] not in path.read_text()


CHANGES = {
    "last letter": lambda t: t[:-1] + ("a" if t[-1] != "a" else "b"),
    "nothing": lambda _: "",
    "longer": lambda t: t + "x",
    "upper case": lambda t: t.upper(),
    "unknown id": lambda _: "dl_000000000000_" + "a" * 43,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_anything_else_is_nobody(path, change):
    token = create_token(path, "ana", ["viewer"])
    assert TokenBook(path).actor(change(token)) is None


def test_a_running_book_learns_new_tokens_and_forgets_revoked_ones(path):
    first = create_token(path, "ana", ["viewer"])
    book = TokenBook(path)
    second = create_token(path, "ben", ["producer"])
    assert book.actor(second).name == "ben"
    assert book.actor(first).name == "ana"
    assert revoke_token(path, first.split("_")[1])
    assert book.actor(first) is None
    assert [actor.name for actor in list_tokens(path)] == ["ben"]


def test_revoking_what_is_not_there_says_so(path):
    create_token(path, "ana", ["viewer"])
    assert not revoke_token(path, "000000000000")


def test_a_file_open_to_others_is_refused_with_the_remedy(path):
    create_token(path, "ana", ["viewer"])
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        TokenBook(path)


def test_a_missing_file_is_refused_with_the_remedy(path):
    with pytest.raises(ConfigurationError, match="driftline token create"):
        TokenBook(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tokens": [{}]}', '{"tokens": 3}', '{"tokens": ["x"]}'])
def test_a_broken_file_is_refused(path, text):
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="broken"):
        TokenBook(path)


@pytest.mark.parametrize(
    ("actor", "roles"), [("ana", []), ("ana", ["king"]), ("", ["viewer"]), ("a b", ["viewer"]), ("x" * 65, ["viewer"])]
)
def test_a_wrong_actor_or_role_makes_no_token(path, actor, roles):
    with pytest.raises(ConfigurationError):
        create_token(path, actor, roles)
    assert not path.exists()


def test_admin_may_everything_and_others_only_their_own():
    admin, viewer = (Actor("x", frozenset({role}), "1") for role in ("admin", "viewer"))
    assert admin.may("approver")
    assert viewer.may("approver", "viewer")
    assert not viewer.may("approver")


def test_the_file_is_json_that_other_tools_can_read(path):
    create_token(path, "ana", ["viewer"])
    assert json.loads(path.read_text())["version"] == 1
