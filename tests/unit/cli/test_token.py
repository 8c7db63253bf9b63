"""`driftline token`."""

from __future__ import annotations

import json

import pytest

from driftline.runtime.tokens import TokenBook


@pytest.fixture
def run(command):
    return lambda *words: command("token", *words)


def test_a_token_is_created_listed_and_revoked(tmp_path, run):
    file = tmp_path / "tokens"
    code, out, _ = run("create", "--actor", "ana", "--role", "viewer", "--role", "operator", "--file", str(file))
    token = out.strip()
    assert code == 0
    assert TokenBook(file).actor(token).roles == {"viewer", "operator"}
    listed = json.loads(run("list", "--file", str(file), "--json")[1])
    assert listed == [{"id": token.split("_")[1], "actor": "ana", "roles": ["operator", "viewer"]}]
    assert run("revoke", listed[0]["id"], "--file", str(file))[0] == 0
    assert run("revoke", listed[0]["id"], "--file", str(file))[0] == 1
    assert TokenBook(file).actor(token) is None


def test_the_file_is_taken_from_the_environment(tmp_path, run, monkeypatch):
    monkeypatch.setenv("DRIFTLINE_TOKENS_FILE", str(tmp_path / "t"))
    code, out, _ = run("create", "--actor", "ana", "--role", "viewer", "--json")
    assert (code, json.loads(out)["actor"]) == (0, "ana")
    assert (tmp_path / "t").exists()


def test_a_role_that_does_not_exist_is_refused_with_those_that_do(tmp_path, run):
    code, _, err = run("create", "--actor", "ana", "--role", "king", "--file", str(tmp_path / "t"))
    assert code == 2
    assert "producer" in err
