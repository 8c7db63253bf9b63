import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.delivery import Attempt, Delivered, Refused, RetryPolicy, TryAgain, judge, next_try, parse_retry_after

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, Delivered) for code in (200, 201, 202)),
        *((code, Refused) for code in (203, 204, 301, 302, 307, 308, 400, 401, 404, 410, 422)),
        *((code, TryAgain) for code in (408, 425, 429, 500, 502, 503, 504, 599)),
    ],
)
def test_what_an_answer_means(code, expected) -> None:
    assert isinstance(judge(code, now=0), expected)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert parse_retry_after("120", 0) == 120 * SECOND
    assert parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10 * SECOND) == 50 * SECOND
    assert parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", 10 * SECOND) == 0
    assert parse_retry_after("soon", 0) is None
    assert parse_retry_after("-5", 0) is None
    assert parse_retry_after(None, 0) is None


def test_back_off_doubles_up_to_its_cap() -> None:
    policy = RetryPolicy()
    delays = [next_try(TryAgain("x"), Attempt(number, 0, 0), policy, jitter=0.999999) for number in range(1, 10)]
    assert [round(delay / SECOND, 1) for delay in delays if delay is not None] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_retry_after_is_the_least_and_is_capped() -> None:
    patient = RetryPolicy(give_up_after_us=10**15, retry_after_cap_us=100 * SECOND)
    assert next_try(TryAgain("x", 429, 7 * SECOND), Attempt(1, 0, 0), patient, jitter=0) == 7 * SECOND
    assert next_try(TryAgain("x", 429, 10**12), Attempt(1, 0, 0), patient, jitter=0) == 100 * SECOND


def test_after_long_enough_it_gives_up() -> None:
    policy = RetryPolicy(give_up_after_us=10 * SECOND)
    assert next_try(TryAgain("x"), Attempt(9, 0, 9 * SECOND), policy, jitter=0) is None
    assert next_try(TryAgain("x"), Attempt(1, 0, 9 * SECOND), policy, jitter=0) is not None


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_retry_lies_in_the_upper_half_of_its_back_off(number, jitter) -> None:
    policy = RetryPolicy(give_up_after_us=10**15)
    full = min(policy.first_us * 2.0 ** min(number - 1, 60), policy.cap_us)
    at = next_try(TryAgain("x"), Attempt(number, 0, 0), policy, jitter=jitter)
    assert at is not None
    assert full / 2 - 1 <= at <= full
