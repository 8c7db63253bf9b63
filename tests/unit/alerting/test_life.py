from dataclasses import replace

import pytest

from driftline.alerting.alert import Priority
from driftline.alerting.life import Happening, entry, happening
from tests.unit.alerting.builders import DAY, alert

FIRING = alert()
ENDED = replace(FIRING, ends_at=12 * DAY)


@pytest.mark.parametrize(
    ("now", "known", "expected"),
    [
        (FIRING, None, Happening.FIRED),
        (FIRING, ENDED, Happening.REOPENED),
        (replace(FIRING, episode_id="next"), FIRING, Happening.REOPENED),
        (replace(FIRING, priority=Priority.CRITICAL), FIRING, Happening.RAISED),
        (replace(FIRING, priority=Priority.LOW), FIRING, Happening.LOWERED),
        (replace(FIRING, details="other words"), FIRING, None),
        (ENDED, FIRING, Happening.RESOLVED),
    ],
)
def test_every_change_that_people_would_want_to_hear_of_has_a_name(now, known, expected) -> None:
    assert happening(now, known) is expected


def test_a_line_says_how_urgent_it_is_and_what_it_is() -> None:
    line = entry(FIRING, None, 7)
    assert line is not None
    assert (line.alert_id, line.at, line.detail) == (FIRING.alert_id, 7, "medium: Drift a")
