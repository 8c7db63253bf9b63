"""Files of frames that may be torn anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.drift.join.segments import Foreign, Segments

FRAMES = [b"", b"one", b"two" * 100, bytes(range(256))]


def written(folder, frames=FRAMES, maximum_bytes=1 << 20):
    files = Segments(folder, "ours", maximum_bytes=maximum_bytes)
    for number, frame in enumerate(frames):
        files.append(frame, number)
    files.close()
    return files


def read(folder, identity="ours"):
    return list(Segments(folder, identity).frames())


@pytest.mark.parametrize("maximum_bytes", [1, 150, 1 << 20])
def test_what_was_written_is_read_in_its_order(tmp_path, maximum_bytes):
    written(tmp_path, maximum_bytes=maximum_bytes)
    written(tmp_path, [b"later"], maximum_bytes)
    assert read(tmp_path) == [*FRAMES, b"later"]


@given(st.data())
def test_a_file_torn_or_changed_anywhere_gives_the_frames_before(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("segments")
    written(folder)
    (path,) = folder.glob("*.segment")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.booleans())
    path.write_bytes(whole[:at] + (bytes([whole[at] ^ 0x55]) + whole[at + 1 :] if changed else b""))
    ends = [sum(16 + len(frame) for frame in FRAMES[: n + 1]) for n in range(len(FRAMES))]
    intact = sum(end <= at for end in ends)
    assert read(folder) == FRAMES[:intact]
    written(folder, [b"later"])
    assert read(folder) == [*FRAMES[:intact], b"later"]


def test_damage_in_an_older_file_takes_the_later_ones_with_it(tmp_path):
    written(tmp_path, maximum_bytes=1)
    paths = sorted(tmp_path.glob("*.segment"))
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    assert read(tmp_path) == FRAMES[:1]
    assert sorted(tmp_path.glob("*.segment")) == paths[:2]


def test_files_go_when_all_in_them_has_expired_but_for_the_one_that_is_written(tmp_path):
    files = Segments(tmp_path, "ours", maximum_bytes=1)
    for number, frame in enumerate(FRAMES):
        files.append(frame, number)
    files.forget(2)
    assert read(tmp_path) == FRAMES[2:]
    files.forget(99)
    assert read(tmp_path) == FRAMES[3:]


def test_a_kill_while_forgetting_leaves_nothing_that_is_read(tmp_path):
    written(tmp_path, maximum_bytes=1)
    first = min(tmp_path.glob("*.segment"))
    kept = first.read_bytes()
    files = Segments(tmp_path, "ours")
    list(files.frames())
    files.forget(1)
    first.write_bytes(kept)  # the manifest was written, the file not deleted
    assert read(tmp_path) == FRAMES[1:]
    assert not first.exists()


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_somebody_took_away_is_missed(tmp_path, which):
    written(tmp_path, maximum_bytes=1)
    sorted(tmp_path.glob("*.segment"))[which].unlink()
    with pytest.raises(Foreign, match="files are missing"):
        read(tmp_path)


def test_files_of_something_else_are_refused(tmp_path):
    written(tmp_path)
    with pytest.raises(Foreign, match="written for ours, not for theirs"):
        read(tmp_path, "theirs")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(Foreign, match="manifest cannot be read"):
        read(tmp_path)
    Segments(tmp_path, "theirs").clear()
    assert read(tmp_path, "theirs") == []
