import pytest

from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.silences import Silence, SilenceState, silencing


def silence(text: str, starts: int = 10, ends: int = 20, silence_id: str = "s") -> Silence:
    return Silence(silence_id=silence_id, matchers=parse_matchers(text), starts_at=starts, ends_at=ends)


def test_a_silence_holds_from_its_start_up_to_its_end() -> None:
    one = silence("a=b")
    assert [one.holds({"a": "b"}, now) for now in (9, 10, 19, 20)] == [False, True, True, False]
    assert [one.state(now) for now in (9, 10, 19, 20)] == [
        SilenceState.PENDING,
        SilenceState.ACTIVE,
        SilenceState.ACTIVE,
        SilenceState.EXPIRED,
    ]


def test_all_matchers_must_match() -> None:
    one = silence('a=b,c!=""')
    assert not one.holds({"a": "b"}, 15)
    assert one.holds({"a": "b", "c": "d"}, 15)


@pytest.mark.parametrize("text", ["", "a=", 'a=~".*"', "a!=b"])
def test_a_silence_for_everything_is_refused(text) -> None:
    with pytest.raises(ValueError, match="everything"):
        silence(text)


def test_a_silence_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="before"):
        silence("a=b", 10, 9)


def test_those_that_hold_are_named() -> None:
    some = [silence("a=b"), silence("a=c", silence_id="t"), silence("a=~b|c", silence_id="u")]
    assert silencing(some, {"a": "b"}, 15) == ("s", "u")
    assert silencing(some, {"a": "b"}, 25) == ()
