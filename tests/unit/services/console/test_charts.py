import pytest

from services.console.api.charts import sparkline, window_charts
from services.console.api.views import day, number, safe_url, short_name
from services.console.store.queries import Window

DAY = 86_400_000_000


def window(index, psi, whole=None, **changes):
    columns = {"psi": {name: [value, 0.25, False] for name, value in psi.items()}}
    values = {
        "start": index * DAY,
        "end": (index + 1) * DAY,
        "model_version": "1",
        "revision": 1,
        "n": 10,
        "completeness": 1.0,
        "exact": True,
        "final": False,
        "closed_by": "WATERMARK",
        "label_coverage": None,
        "risk_score": None,
        "severity": None,
        "columns": columns,
        "whole": whole or {},
    }
    return Window(**values | changes)


def test_the_heatmap_has_a_row_per_column_the_most_drifted_first():
    chart = window_charts([window(0, {"a": 0.1, "b": 0.2}), window(1, {"a": 0.9})], "psi")
    assert chart["columns"] == ["a", "b"]
    assert chart["heat"] == [[0.1, 0.9], [0.2, None]]
    assert chart["limits"] == [0.25, 0.25]
    assert chart["start"] == ["1970-01-01T00:00:00.000000Z", "1970-01-02T00:00:00.000000Z"]


def test_a_measure_that_nobody_took_gives_an_empty_heatmap():
    chart = window_charts([window(0, {"a": 0.1})], "ks")
    assert (chart["columns"], chart["heat"], chart["measures"]) == ([], [], ["psi"])


def test_performance_holds_what_was_measured_and_gaps_where_it_was_not():
    chart = window_charts([window(0, {}), window(1, {}, {"auc": [0.7, 0.65, False], "f1": [None, 0.6, False]})], "psi")
    assert chart["performance"] == {"auc": [None, 0.7]}
    assert chart["performance_limits"] == {"auc": 0.65, "f1": 0.6}


def test_business_metrics_are_told_window_by_window_with_their_limit():
    first = {"business:loss": [-2.7, None, False], "business:share of tenure": [0.5, None, False], "auc": [0.7, None, False]}
    chart = window_charts([window(0, {}, first), window(1, {}), window(2, {}, {"business:loss": [-41.0, 40.0, True]})], "psi")
    assert chart["business"] == [
        {"name": "loss", "values": [-2.7, None, -41.0], "limit": 40.0, "broken": 1},
        {"name": "share of tenure", "values": [0.5, None, None], "limit": None, "broken": 0},
    ]


def test_no_windows_make_an_empty_chart():
    chart = window_charts([], "psi")
    assert (chart["start"], chart["columns"], chart["performance"]) == ([], [], {})


def test_a_window_is_whole_when_exact_and_complete():
    chart = window_charts([window(0, {}), window(1, {}, completeness=0.5), window(2, {}, exact=False)], "psi")
    assert chart["whole"] == [True, False, False]


def test_a_sparkline_stays_in_its_box_and_needs_two_points():
    line = sparkline([0.0, None, 50.0, 130.0])
    assert line is not None
    assert line["path"] == "M2.0 22.0 L63.3 12.0 L94.0 2.0"
    assert (line["x"], line["y"]) == ("94.0", "2.0")
    assert sparkline([1.0, None]) is None
    assert sparkline([]) is None


@pytest.mark.parametrize(
    "url", ["javascript:x", " JavaScript:x", "data:text/html,x", "//evil.org", "/\\evil.org", "vbscript:x", "", "relative"]
)
def test_a_link_that_is_not_http_leads_nowhere(url):
    assert safe_url(url) == "#"


@pytest.mark.parametrize("url", ["https://e.org/x?y=1", "http://e.org", "/runbooks/Alert"])
def test_a_link_to_a_page_is_kept(url):
    assert safe_url(url) == url


def test_times_and_numbers_are_written_for_people():
    assert day(1_365_724_800_000_000) == "12 Apr 2013"
    assert day(1_365_724_800_000_000 + 50_400_000_000) == "12 Apr 2013, 14:00"
    assert number(1234567) == "1\u202f234\u202f567"
    assert number(None) == "\u2013"
    assert (short_name("a.b.c"), short_name("c"), short_name("c.")) == ("c", "c", "c.")
