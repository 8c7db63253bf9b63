"""Objects of any size lie in archives and anchors that others may write; so many bytes are read and no more."""

from pathlib import Path
from typing import Any, Self

import pytest

from driftline.ledger.store.anchors import anchored_notes, write_anchor
from driftline.ledger.store.objects import Objects, ObjectTooLarge, UrlObjects
from tests.unit.ledger.ledger_builders import ORIGIN, draft, grow, writer_at


class Served:
    """What fsspec hands out of an HTTP server that sends for ever, whatever size it named."""

    def __init__(self) -> None:
        self.sent = 0

    def open(self, path: str, mode: str, block_size: int) -> "Served":
        assert (path, mode, block_size) == ("https://a.example.com/x", "rb", 0)
        return self

    def read(self, most: int) -> bytes:
        self.sent += most
        return bytes(most)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_an_object_of_a_folder_is_read_up_to_the_largest_size(tmp_path: Path) -> None:
    objects: Objects = UrlObjects(f"file://{tmp_path}")
    objects.put("x", b"12345")
    assert objects.get("x", 5) == objects.get("x") == b"12345"
    assert objects.get("y") is None
    with pytest.raises(ObjectTooLarge, match=r"x in the archive .* has more than 4 bytes"):
        objects.get("x", 4)


def test_of_an_endless_answer_over_http_no_more_is_read_than_was_asked_for() -> None:
    objects, served = UrlObjects("https://a.example.com"), Served()
    files: Any = served
    objects._files = files
    with pytest.raises(ObjectTooLarge):
        objects.get("x", 3_000_000)
    assert served.sent <= 4_000_000


def test_a_large_thing_among_the_anchors_is_no_head_and_hinders_nobody(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(0)]])
    with writer.store.snapshot() as snapshot:
        note = snapshot.latest_note() or ""
    objects = UrlObjects(f"file://{tmp_path}/anchors")
    assert write_anchor(objects, note)
    (anchor,) = objects.names("checkpoints")
    objects.put(f"{anchor[:-1]}9", bytes(1_000_001))
    assert [found.note for found in anchored_notes(objects, ORIGIN)] == [note, ""]
