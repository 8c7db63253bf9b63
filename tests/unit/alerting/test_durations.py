import pytest

from driftline.alerting.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [("0", 0), ("0s", 0), ("30s", 30_000_000), ("1h30m", 5_400_000_000), ("5ms", 5_000), ("1w2d", 777_600_000_000)],
)
def test_durations_are_read(text, microseconds) -> None:
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize("text", ["", "5", "s", "1m1h", "-5s", "1.5s", "5 s", "1s1s"])
def test_what_is_no_duration_is_refused(text) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
