import pytest

from driftline.alerting.durations import duration_text, parse_duration, parse_go_duration


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30_000_000),
        ("1h30m", 5_400_000_000),
        ("5ms", 5_000),
        ("1w2d", 777_600_000_000),
        ("1y", 31_536_000_000_000),
    ],
)
def test_durations_are_read(text, microseconds) -> None:
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize("text", ["", "5", "s", "1m1h", "-5s", "1.5s", "5 s", "1s1s", "٣s"])
def test_what_is_no_duration_is_refused(text) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_a_duration_that_alertmanager_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="292 years"):
        parse_duration("300y")


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("0", 0),
        ("1.5s", 1_500_000),
        ("1m30s", 90_000_000),
        ("30s1m", 90_000_000),
        ("100ms", 100_000),
        (".5us", 0),
        ("1h", 3_600_000_000),
    ],
)
def test_durations_of_go_are_read(text, microseconds) -> None:
    assert parse_go_duration(text) == microseconds


@pytest.mark.parametrize("text", ["", "5", "1d", "-1s", "1 s", "s", "."])
def test_what_is_no_duration_of_go_is_refused(text) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_go_duration(text)


@pytest.mark.parametrize("text", ["0s", "30s", "1h30m", "5ms", "1w2d", "52w1d"])
def test_a_duration_is_written_as_it_is_read(text) -> None:
    assert duration_text(parse_duration(text)) == text
