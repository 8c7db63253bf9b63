import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.dialect import Dialect
from driftline.events import ColumnKind, Deduplicate, Direction, MetricType, Monitor, MonitorSlice, Policy, Task
from driftline.governance.definition import BaselineFacts, baseline_named, parse_definition
from driftline.governance.errors import DefinitionRefused
from driftline.governance.periods import DAY_US, MINUTE_US

BASELINE = {
    "temp": ColumnKind.NUMERIC,
    "carrier": ColumnKind.CATEGORICAL,
    ":prediction": ColumnKind.CATEGORICAL,
    ":score": ColumnKind.NUMERIC,
}
FACTS = BaselineFacts(BASELINE | {":label": ColumnKind.CATEGORICAL}, ("late", "on time"))
LEAST = "baseline: abc\npositive_class: late\n"


def monitor(text: str = LEAST, **changes) -> Monitor:
    return parse(text, **changes).monitor


def parse(text: str = LEAST, *, model_id="shop.churn", baseline=FACTS):
    return parse_definition(text, model_id=model_id, actor="ann", baseline=baseline, dialect=Dialect())


def problems(text: str, **changes):
    with pytest.raises(DefinitionRefused) as caught:
        parse(text, **changes)
    return caught.value.problems


def limit(found: Monitor, family: str, measure: str, column=None):
    return next((t.limit for t in found.thresholds if (t.family, t.measure, t.column) == (family, measure, column)), None)


def test_the_least_definition_takes_every_default():
    found = monitor()
    assert found.granularities == ("1 hour", "1 day", "1 week")
    assert found.alert_on == "1 day"
    assert (found.lateness_us, found.idle_timeout_us, found.max_wait_us) == (5 * MINUTE_US, MINUTE_US, 60 * MINUTE_US)
    assert (found.label_delay_us, found.label_ttl_us, found.future_skew_us) == (DAY_US, 30 * DAY_US, 5 * MINUTE_US)
    assert (found.minimum_n, found.time_zone, found.task, found.labels) == (200, "UTC", Task.BINARY, True)
    assert found.weights == {"feature": 0.25, "prediction": 0.30, "label": 0.20, "performance": 0.25}
    assert (found.actor, found.paused, found.retired_versions) == ("ann", False, ())


LIMITS = LEAST + "policy: limits\n"


def test_who_says_nothing_of_alarms_gets_a_tolerance_and_who_states_limits_of_distances_gets_limits():
    silent = monitor()
    assert (silent.policy, silent.tolerated_false_pages, silent.tolerated_psi) == (Policy.TOLERANCE, 1.0, 0.1)
    assert {threshold.family for threshold in silent.thresholds} == {"performance"}
    assert monitor(LEAST + "thresholds: {performance: {f1: 0.7}}\n").policy is Policy.TOLERANCE
    stated = monitor(LEAST + "thresholds: {prediction: {js: 0.2}}\n")
    assert stated.policy is Policy.LIMITS
    assert limit(stated, "feature", "psi") == 0.25


def test_classic_limits_are_those_of_the_drift_dashboards():
    found = monitor(LEAST + "policy: classic\n")
    limits = {(t.family, t.measure): (t.limit, t.direction) for t in found.thresholds}
    above, below = Direction.ABOVE, Direction.BELOW
    assert limits == {
        ("feature", "js"): (0.15, above),
        ("feature", "chi2_pvalue"): (0.05, below),
        ("feature", "tv"): (0.20, above),
        ("prediction", "js"): (0.10, above),
        ("prediction", "tv"): (0.15, above),
        ("label", "js"): (0.20, above),
        ("label", "chi2_pvalue"): (0.01, below),
        **{("performance", name): (limit, below) for name, limit in {"f1": 0.65, "precision": 0.60, "recall": 0.60}.items()},
    }


def test_default_limits_are_those_of_the_monitoring_guide():
    found = monitor(LIMITS)
    assert [limit(found, "feature", name) for name in ("psi", "js", "tv")] == [0.25, 0.15, 0.20]
    assert [limit(found, "prediction", name) for name in ("psi", "js", "tv")] == [0.25, 0.10, 0.15]
    assert limit(found, "label", "js") == 0.20
    assert [limit(found, "performance", name) for name in ("f1", "precision", "recall")] == [0.65, 0.60, 0.60]
    assert limit(found, "quality", "null_rate_delta") is not None


def test_distances_are_violated_above_and_performance_below():
    sides = {threshold.measure: threshold.direction for threshold in monitor(LIMITS).thresholds}
    assert (sides["psi"], sides["f1"]) == (Direction.ABOVE, Direction.BELOW)


def test_one_limit_changes_and_the_others_stay():
    found = monitor(LIMITS + "thresholds: {performance: {f1_score: 0.70}}\n")
    assert limit(found, "performance", "f1") == 0.70
    assert limit(found, "performance", "recall") == 0.60
    assert limit(found, "feature", "psi") == 0.25


def test_null_drops_a_check():
    assert limit(monitor(LEAST + "thresholds: {feature: {tv: null}}"), "feature", "tv") is None


def test_a_column_can_have_its_own_limit():
    found = monitor(LEAST + 'thresholds:\n  feature:\n    psi: {temp: 4, "*": 0.3}\n    ks_pvalue: 0.01\n')
    assert limit(found, "feature", "psi", "temp") == 4
    assert limit(found, "feature", "psi") == 0.3
    assert limit(found, "feature", "ks_pvalue") == 0.01


def test_without_labels_nothing_of_the_outcome_is_checked():
    families = {threshold.family for threshold in monitor(LIMITS + "labels: false").thresholds}
    assert families == {"feature", "prediction", "quality"}
    (problem,) = problems(LEAST + "labels: false\nthresholds:\n  performance: {f1: 0.7}\n")
    assert (problem.field, problem.line) == ("thresholds.performance", 5)


def test_a_regression_has_no_classes():
    found = monitor("baseline: abc\ntask: regression\nthresholds: {performance: {rmse: 12.5}}")
    assert {t.measure for t in found.thresholds if t.family == "performance"} == {"rmse"}
    (problem,) = problems("baseline: abc\ntask: regression\npositive_class: late")
    assert problem.field == "positive_class"


def test_columns_left_out_are_those_of_the_baseline():
    assert {column.name: column.kind for column in monitor().columns} == BASELINE


def test_a_class_that_the_model_never_predicted_is_refused():
    (problem,) = problems("baseline: abc\npositive_class: lat\n")
    assert (problem.field, "did you mean 'late'" in problem.detail) == ("positive_class", True)
    assert monitor("baseline: abc\npositive_class: lat\n", baseline=BaselineFacts(BASELINE)).positive_class == "lat"


def test_the_outcome_is_no_column_to_watch():
    (problem,) = problems(LEAST + 'columns: {":label": categorical}\n')
    assert problem.field == "columns.:label"


def test_columns_can_be_chosen_and_made_required():
    found = monitor(LEAST + 'columns:\n  temp: numeric\n  carrier: {required: true}\n  ":score": numeric\n')
    assert [(c.name, c.kind, c.required) for c in found.columns] == [
        ("temp", ColumnKind.NUMERIC, False),
        ("carrier", ColumnKind.CATEGORICAL, True),
        (":score", ColumnKind.NUMERIC, False),
    ]


def test_a_column_that_the_baseline_lacks_or_knows_otherwise_is_refused():
    unknown, kind = problems(LEAST + "columns:\n  tmp: numeric\n  carrier: numeric\n")
    assert (unknown.line, "did you mean 'temp'" in unknown.detail) == (4, True)
    assert (kind.field, kind.line) == ("columns.carrier", 5)


def test_times_and_texts_are_kinds_of_features_and_not_of_what_the_model_says():
    facts = BaselineFacts(
        {"booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH, ":prediction": ColumnKind.CATEGORICAL}
    )
    least = "model: m\ntask: multiclass\nbaseline: b\n"

    def read(columns):
        return parse_definition(least + columns, model_id="m", actor="a", baseline=facts, dialect=Dialect()).monitor.columns

    assert read("columns: {booked: timestamp, remark: text_length}\n") == read("")[:2]
    with pytest.raises(DefinitionRefused) as refused:
        read('columns: {booked: numeric, remark: text, ":prediction": text_length}\n')
    prediction, booked, remark = (problem.detail for problem in refused.value.problems)
    assert booked.startswith("is numeric here but timestamp in the baseline")
    assert "write numeric, categorical, timestamp, text_length" in remark
    assert prediction == "is what the model says; write numeric or categorical"


def test_an_unknown_key_is_answered_with_the_nearest_one():
    (problem,) = problems("baseline: abc\npositive_class: late\nlatenes: 5 min\n")
    assert (problem.field, problem.line) == ("latenes", 3)
    assert "did you mean 'lateness'?" in problem.detail


def test_every_fault_is_told_at_once_in_the_order_of_the_document():
    found = problems(
        "lateness: 5\ntask: guess\nminimum_n: 0\ngranularities: [7 min, 1 day]\nalert_on: 1 hour\nweights: {feature: -1}\n"
    )
    fields = [problem.field for problem in found]
    assert fields == [
        "lateness",
        "task",
        "minimum_n",
        "granularities[0]",
        "alert_on",
        "weights.feature",
        "baseline",
        "positive_class",
    ]
    assert all(problem.detail for problem in found)


def test_yaml_truth_values_are_no_class():
    (problem,) = problems("baseline: abc\npositive_class: yes\n")
    assert "quotes" in problem.detail


def test_alert_on_falls_to_the_shortest_granularity_without_days():
    assert monitor(LEAST + "granularities: [1 week, 1 hour]").alert_on == "1 hour"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("granularities: []", "granularities"),
        ("granularities: 1 day", "granularities"),
        ("columns: {}", "columns"),
        ("columns: {temp: text}", "columns.temp"),
        ("columns: {temp: {kind: numeric, requird: true}}", "columns.temp.requird"),
        ("time_zone: New York", "time_zone"),
        ("label_delay: 40 days", "label_delay"),
        ("idle_timeout: 0 s", "idle_timeout"),
        ("paused: 1", "paused"),
        ("labels: maybe", "labels"),
        ("minimum_n: 1.5", "minimum_n"),
        ("thresholds: {feature: {psl: 0.2}}", "thresholds.feature.psl"),
        ("thresholds: {feature: {psi: -0.2}}", "thresholds.feature.psi"),
        ("thresholds: {feature: {psi: .nan}}", "thresholds.feature.psi"),
        ("thresholds: {feature: {psi: high}}", "thresholds.feature.psi"),
        ("thresholds: {feature: {psi: {nowhere: 1}}}", "thresholds.feature.psi.nowhere"),
        ("thresholds: {performance: {psi: 1}}", "thresholds.performance.psi"),
        ("thresholds: {fairness: {ratio: 0.8}}", "thresholds.fairness.ratio"),
        ("weights: {feature: 0, prediction: 0, label: 0, performance: 0}", "weights"),
        ("effective_from: yesterday", "effective_from"),
        ("retired_versions: [1, 2]", "retired_versions[0]"),
        ("model: shop.other", "model"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(line, field):
    assert field in {problem.field for problem in problems(LEAST + line)}


def test_an_unknown_baseline_says_how_to_get_one():
    (problem,) = problems(LEAST, baseline=None)
    assert problem.field == "baseline"
    assert "driftline baseline fit" in problem.detail


def test_effective_from_is_read_as_utc_unless_it_says_otherwise():
    assert parse(LEAST + "effective_from: 2013-03-01").effective_from == 1_362_096_000_000_000
    assert parse(LEAST + 'effective_from: "2013-03-01T01:00:00+01:00"').effective_from == 1_362_096_000_000_000
    assert parse().effective_from is None


def test_json_means_the_same_as_yaml():
    text = json.dumps({"baseline": "abc", "positive_class": "late", "granularities": ["1 day"], "lateness": "1 day"})
    assert monitor(text) == monitor(LEAST + "granularities: [1 day]\nlateness: 1 day\n")


def test_the_baseline_can_be_asked_for_first():
    assert baseline_named(LEAST) == "abc"
    assert baseline_named("task: binary") is None


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(
    ["baseline", "columns", "thresholds", "weights", "granularities", "lateness", "task", "labels", "model", "time_zone"]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_keys | st.text(max_size=5), _junk, max_size=6))
def test_no_document_does_worse_than_being_refused(values):
    try:
        parse(json.dumps(values))
    except DefinitionRefused as refused:
        assert refused.problems


def test_a_tolerance_in_words_is_a_policy_and_leaves_no_limit_of_a_distance():
    found = monitor(LEAST + "tolerance: at most 2 false pages a month, tell me about shifts larger than PSI 0.2\n")
    assert (found.policy, found.tolerated_false_pages, found.tolerated_psi) == (Policy.TOLERANCE, 2.0, 0.2)
    assert limit(found, "feature", "psi") is None
    assert limit(found, "performance", "f1") == 0.65


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ("tolerance: few pages", "tolerance", "at most 1 false page a month"),
        ("policy: strict", "policy", "known are classic, limits, tolerance"),
        ("policy: classic\ntolerance: at most 1 false page a month", "tolerance", "leave one of the two out"),
        ("policy: tolerance\nthresholds: {feature: {psi: 0.2}}", "thresholds.feature", "policy: limits"),
        ("slices: [carriers]", "slices[0]", "did you mean 'carrier'"),
        ("slices: [[temp, carrier, temp]]", "slices[0]", "a list of two columns"),
        ("protected: [gender]", "protected", "no column 'gender'"),
        ("deduplicate: row", "deduplicate", "write id, or leave the key out"),
        ("detectors: {feature: [ddm]}", "detectors.feature", "no detector of feature is called 'ddm'"),
        ("detectors: {performance: [adwim]}", "detectors.performance", "did you mean 'adwin'"),
        ("detectors: {label: [adwin]}", "detectors.label", "unknown key"),
        ("labels: false\ndetectors: {performance: [adwin]}", "detectors.performance", "needs outcomes"),
        ("metrics: [{name: a}]", "metrics[0]", "a name and a definition"),
        ("metrics: [{name: a, definition: avg(temp), kind: x}]", "metrics[0].kind", "unknown key"),
        ("metrics: [{name: a, definition: avg(temp), type: sum}]", "metrics[0].type", "aggregate, derived or drift"),
        ("metrics: [{name: a, definition: avg(tmp)}]", "metrics[0]", "tmp"),
        ("metrics: [{name: a, definition: avg(temp)}, {name: a, definition: avg(temp)}]", "metrics", "called 'a'"),
        ("metrics: [{pack: space}]", "metrics[0].pack", "telecom, retail, finance, healthcare"),
    ],
)
def test_what_is_wrong_with_policy_slices_and_metrics_is_told_at_its_field(more, field, words):
    found = problems(LEAST + more + "\n")
    assert [problem.field for problem in found] == [field]
    assert words in found[0].detail


def test_each_id_counts_once_where_the_definition_says_so():
    assert monitor(LEAST).deduplicate is Deduplicate.NONE
    assert monitor(LEAST + "deduplicate: id\n").deduplicate is Deduplicate.ID


def test_protected_columns_have_limits_whatever_the_policy():
    def limits(text):
        found = parse(LEAST + text).monitor.thresholds
        return {(t.family, t.measure): (t.limit, t.direction.value) for t in found if t.family.endswith("fairness")}

    expected = {
        ("fairness", "demographic_parity_difference"): (0.1, "ABOVE"),
        ("fairness", "demographic_parity_ratio"): (0.8, "BELOW"),
        ("fairness", "consistency"): (0.9, "BELOW"),
        ("outcome_fairness", "equalized_odds_difference"): (0.1, "ABOVE"),
        ("outcome_fairness", "equal_opportunity_difference"): (0.1, "ABOVE"),
    }
    for policy in ("tolerance", "limits", "classic"):
        assert limits(f"protected: [carrier]\npolicy: {policy}\n") == expected
    assert limits("") == {}
    unlabelled = limits("protected: [carrier]\nlabels: false\n")
    assert unlabelled == {key: limit for key, limit in expected.items() if key[0] == "fairness"}
    own = limits("protected: [carrier]\nthresholds: {fairness: {demographic_parity_ratio: 0.9, consistency: null}}\n")
    assert own["fairness", "demographic_parity_ratio"] == (0.9, "BELOW")
    assert ("fairness", "consistency") not in own


def test_groups_of_a_regression_cannot_be_compared_by_predicted_class():
    (problem,) = problems(LEAST + "task: regression\nprotected: [carrier]\n")[-1:]
    assert (problem.field, "of a classifier" in problem.detail) == ("protected", True)


def test_detectors_are_read_and_errors_are_watched_unless_somebody_says_otherwise():
    def named(text):
        return [(each.family, each.kind) for each in parse(LEAST + text).monitor.detectors]

    assert named("") == [("performance", "adwin")]
    assert named("labels: false\n") == []
    assert named("detectors: {feature: [page_hinkley, adwin]}\n") == [
        ("feature", "page_hinkley"), ("feature", "adwin"), ("performance", "adwin"),
    ]  # fmt: skip
    assert named("detectors: {performance: []}\n") == []


def test_slices_metrics_and_protected_columns_are_read():
    found = monitor(
        LEAST
        + "slices: [carrier, [carrier, temp], {where: temp  > 20}]\nprotected: [carrier]\nfavourable: on time\n"
        + "metrics: [{name: warm, definition: avg(temp)}, {name: both, type: derived, definition: warm * 2}]\n"
    )
    cuts = (MonitorSlice(columns=("carrier",)), MonitorSlice(columns=("carrier", "temp")), MonitorSlice(where="temp > 20"))
    assert found.slices == cuts
    assert [(metric.name, metric.type, metric.input_columns) for metric in found.metrics] == [
        ("warm", MetricType.AGGREGATE, (":table",)),
        ("both", MetricType.DERIVED, (":table",)),
    ]
    assert (found.protected, found.favourable, found.policy) == (("carrier",), "on time", Policy.TOLERANCE)


def test_without_anybody_who_understands_sql_metrics_are_refused():
    with pytest.raises(DefinitionRefused, match="metrics"):
        parse_definition(LEAST + "metrics: [{name: a, definition: avg(temp)}]\n", model_id="m", actor="ann", baseline=FACTS)


def test_labels_cannot_be_waited_for_longer_than_the_topics_keep_what_they_join():
    assert monitor(LEAST + "label_ttl: 38 days\n").label_ttl_us == 38 * DAY_US
    (found,) = problems(LEAST + "label_ttl: 60 days\n")
    assert (found.field, "38 days" in found.detail) == ("label_ttl", True)


def test_a_schedule_is_a_word_a_line_of_cron_or_a_mapping():
    def check(text: str) -> tuple[str, bool, int]:
        found = monitor(LEAST + text)
        return found.check_schedule, found.check_enabled, found.check_timeout_us // 1_000_000

    assert check("") == check("check: none\n") == ("", True, 300)
    assert check("check: daily\n") == ("daily", True, 300)
    assert check('check: "0 9 * * MON-FRI"\n') == ("0 9 * * MON-FRI", True, 300)
    assert check("check: {schedule: weekly, enabled: false, timeout: 10 min}\n") == ("weekly", False, 600)


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("check: dayly\n", "check", "hourly, daily, weekly"),
        ('check: "0 9 * * FUNDAY"\n', "check", "day of the week"),
        ("check: {enabled: false}\n", "check", "schedule is missing"),
        ("check: {schedule: daily, timeout: 2 days}\n", "check.timeout", "1 second to 1 day"),
        ("check: {schedule: daily, callback: x}\n", "check.callback", "unknown key"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused_with_its_line(text, field, says):
    (problem,) = problems(LEAST + text)
    assert (problem.field, problem.line) == (field, 3)
    assert says in problem.detail


def test_a_test_of_rows_needs_a_baseline_that_has_kept_some():
    sampled = BaselineFacts(FACTS.columns, FACTS.classes, sampled=True)
    assert parse(LEAST + "multivariate: mmd\n", baseline=sampled).monitor.multivariate == "mmd"
    assert parse(LEAST).monitor.multivariate is None
    (unknown,) = problems(LEAST + "multivariate: mdm\n", baseline=sampled)
    assert "did you mean 'mmd'" in unknown.detail
    assert parse(LEAST + "multivariate: moments\n").monitor.multivariate == "moments"
    many = BaselineFacts({f"x{i}": ColumnKind.NUMERIC for i in range(51)}, FACTS.classes)
    (too_many,) = problems(LEAST + "multivariate: moments\n", baseline=many)
    assert "at most, not 51" in too_many.detail
    (without,) = problems(LEAST + "multivariate: mmd\n")
    assert (without.field, "--sample" in without.detail) == ("multivariate", True)
