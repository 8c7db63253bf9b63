from pathlib import Path

import pytest

from driftline.runtime.template_files import templates_beside


def test_files_are_found_beside_the_configuration_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("a.j2", "b.j2"):
        (tmp_path / "texts" / name).write_text(name, encoding="utf-8")
    read = templates_beside(tmp_path / "alerts.yml")
    assert read("texts/*.j2") == {"a.j2": "a.j2", "b.j2": "b.j2"}
    assert read("texts/a.j2") == {"a.j2": "a.j2"}
    assert read(str(tmp_path / "texts/b.j2")) == {"b.j2": "b.j2"}
    assert read("nothing/*.j2") == {}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    read = templates_beside(tmp_path / "alerts.yml")
    with pytest.raises(ValueError, match=r"there is no file a\.j2 in"):
        read("a.j2")
    (tmp_path / "a.j2").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="no UTF-8"):
        read("a.j2")
    (tmp_path / "a.j2").write_text("x" * 100_001, encoding="utf-8")
    with pytest.raises(ValueError, match="longer than 100000"):
        read("a.j2")
    (tmp_path / "dir").mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        read("dir")
