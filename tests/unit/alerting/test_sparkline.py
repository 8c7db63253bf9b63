import math

from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.sparkline import sparkline


def test_the_largest_value_is_the_highest_bar_and_zero_the_lowest() -> None:
    assert sparkline([8, 4, 2, 1, 0]) == "█▅▃▂▁"
    assert sparkline([0.2, 0.2]) == "██"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([1, math.nan, math.inf, -3]) == "█▁▁▁"


@given(st.lists(st.floats(), max_size=60))
def test_there_is_a_bar_for_each_value_up_to_forty(values) -> None:
    assert len(sparkline(values)) == min(40, len(values))
