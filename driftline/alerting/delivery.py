"""What came of an attempt to send, and when to try again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DELIVERED_CODES = frozenset({200, 201, 202})
"""HTTP answers that count as delivered (ALR-18); 204 and other 2xx are none of them."""

_RETRIED_CODES = frozenset({408, 425, 429})
"""Answers below 500 that ask for another try."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took it."""

    code: int | None = None
    thread: str | None = None
    """Where the channel wants to hear the rest of this group's story: its own name of the message that began it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It may work later."""

    error: str
    code: int | None = None
    retry_after_us: int | None = None
    """How long the channel asked us to wait."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Sending the same again is of no use."""

    error: str
    code: int | None = None


Outcome = Delivered | TryAgain | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with jitter; times in microseconds."""

    first_us: int = 500_000
    factor: float = 2.0
    cap_us: int = 60_000_000
    give_up_after_us: int = 3_600_000_000
    """Counted from the decision; then the group is looked at again as if the channel had not been told."""
    retry_after_cap_us: int = 3_600_000_000
    """More than this no channel may ask for."""


def judge(code: int, *, retry_after: str | None = None, now: int, delivered: frozenset[int] = DELIVERED_CODES) -> Outcome:
    """What an HTTP answer means. Redirects are refused: they could lead to an address that nobody allowed."""
    if code in delivered:
        return Delivered(code)
    if code >= 500 or code in _RETRIED_CODES:
        return TryAgain(f"answered {code}", code, parse_retry_after(retry_after, now))
    if 300 <= code < 400:
        return Refused(f"answered {code}: redirects are not followed; configure the final address", code)
    if 200 <= code < 300:
        return Refused(f"answered {code}; as delivered count {', '.join(map(str, sorted(delivered)))}", code)
    return Refused(f"answered {code}", code)


def parse_retry_after(text: str | None, now: int) -> int | None:
    """Microseconds that a Retry-After header asks for (RFC 9110 10.2.3: seconds or a date); None where it says nothing."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * 1_000_000
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0, int((moment - datetime.fromtimestamp(0, UTC)).total_seconds() * 1_000_000) - now)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that failed: its number from 1, when the message was decided on, and now."""

    number: int
    decided_at: int
    now: int


def asked_to_wait(outcome: TryAgain, policy: RetryPolicy) -> int:
    """Microseconds for which the channel asked to be left alone, as far as it may ask; 0 where it did not."""
    return min(outcome.retry_after_us or 0, policy.retry_after_cap_us)


def next_try(outcome: TryAgain, attempt: Attempt, policy: RetryPolicy, *, jitter: float) -> int | None:
    """When to try again, microseconds; None: give up.

    `jitter` in [0, 1) spreads the back-off over its upper half. What the channel asks for by Retry-After is the least.
    """
    steps = min(attempt.number - 1, 60)
    backoff = min(policy.first_us * policy.factor**steps, policy.cap_us)
    delay = int(backoff * (0.5 + 0.5 * jitter))
    at = attempt.now + max(delay, asked_to_wait(outcome, policy))
    return at if at <= attempt.decided_at + policy.give_up_after_us else None
