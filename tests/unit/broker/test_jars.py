"""Nothing runs that is not on the committed list."""

from __future__ import annotations

import hashlib
import re

import pytest

from driftline.broker import jars
from driftline.broker.errors import JarsDiffer


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jar", "b.jar"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def _listed(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}


def test_the_committed_list_names_the_broker_and_its_binding():
    expected = jars.expected_jars()
    assert len(expected) == 46
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in expected
    assert "slf4j-simple-1.7.36.jar" in expected
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in expected.values())


def test_the_listed_jars_pass(folder):
    jars.check_jars(folder, _listed(folder))


def test_a_changed_jar_is_refused_with_its_name(folder):
    listed = _listed(folder)
    (folder / "b.jar").write_bytes(b"other")
    with pytest.raises(JarsDiffer, match=r"b\.jar has SHA-256"):
        jars.check_jars(folder, listed)


def test_a_missing_jar_is_refused(folder):
    listed = _listed(folder)
    (folder / "b.jar").unlink()
    with pytest.raises(JarsDiffer, match=r"missing \['b\.jar'\]"):
        jars.check_jars(folder, listed)


def test_a_jar_too_many_is_refused(folder):
    listed = _listed(folder)
    (folder / "evil.jar").write_bytes(b"x")
    with pytest.raises(JarsDiffer, match=r"unexpected \['evil\.jar'\]"):
        jars.check_jars(folder, listed)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DRIFTLINE_CACHE_DIR": "/c"}, "/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/driftline"),
        ({"HOME": "/home/u"}, "/home/u/.cache/driftline"),
    ],
)
def test_the_cache_lies_with_the_user_not_in_the_repository(monkeypatch, environment, expected):
    for name in ("DRIFTLINE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(jars.cache_dir()) == expected
