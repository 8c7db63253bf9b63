import pytest

from driftline.alerting.delivery import Delivered, TryAgain
from driftline.alerting.routing import ChannelSpec
from tests.unit.alerting.builders import detected
from tests.unit.services.alerting.bench_of_parts import SECOND, Parts, one_route

CAUSES = 20


def crowded(tmp_path, **fields) -> Parts:
    """Twenty groups that are to be told through one channel."""
    parts = Parts(tmp_path, one_route(ChannelSpec(**({"kind": "webhook", "name": "webhook"} | fields))))
    parts.take(*(detected(model_id=f"main.model_{number}", episode_id=f"episode-{number}") for number in range(CAUSES)))
    parts.pass_time(30)
    return parts


def sent_at_each_second(parts, seconds: int, name: str = "webhook") -> list[int]:
    """How many messages are sent in the first seconds."""
    counts = []
    for _ in range(seconds):
        before = len(parts.channel.sent)
        parts.deliver(name)
        counts.append(len(parts.channel.sent) - before)
        parts.clock.advance(SECOND)
    return counts


def test_a_channel_without_a_pace_is_told_as_fast_as_it_goes(tmp_path) -> None:
    assert sent_at_each_second(crowded(tmp_path), 1) == [CAUSES]


def test_a_sixth_goes_at_once_and_the_rest_evenly(tmp_path) -> None:
    parts = crowded(tmp_path, max_per_minute=12)
    at_once, *later = sent_at_each_second(parts, 60)
    assert (at_once, sum(later), max(later)) == (2, 10, 1)
    assert sum(sent_at_each_second(parts, 60)) == CAUSES - 12


def test_replicas_and_restarts_share_the_pace(tmp_path) -> None:
    parts = crowded(tmp_path, max_per_minute=12)
    for _ in range(5):
        parts.deliver()  # each time with a sender that knows nothing
    other = parts.sender()
    assert other.run_once(lambda: None) == parts.clock.now_us() + 60 * SECOND // 11 + 1
    other.close()
    assert len(parts.channel.sent) == 2


def test_slack_is_told_sixty_times_a_minute_unless_configured(tmp_path) -> None:
    parts = crowded(tmp_path, kind="slack", name="slack")
    assert sent_at_each_second(parts, 1, "slack") == [10]


def test_what_a_channel_asks_for_one_message_holds_for_all(tmp_path) -> None:
    parts = crowded(tmp_path)
    tries = [TryAgain("answered 429", 429, retry_after_us=2 * SECOND)] * 2
    parts.channel.answer = lambda _: tries.pop() if tries else Delivered(200)
    assert sent_at_each_second(parts, 3) == [2, 0, CAUSES]  # two were under way


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_answer_that_asks_for_less_time_does_not_shorten_the_rest(tmp_path, seconds: int) -> None:
    parts = crowded(tmp_path)
    tries = [TryAgain("answered 429", 429, retry_after_us=after * SECOND) for after in (seconds, 5)]
    parts.channel.answer = lambda _: tries.pop() if tries else Delivered(200)
    assert sent_at_each_second(parts, 6) == [2, 0, 0, 0, 0, CAUSES]
