"""What is refused, where, and with which remedy."""

import random

import pytest

from driftline.drift.sqlmetrics import MetricRefused, Type, compile_metrics
from driftline.events import MetricType, MonitorMetric

COLUMNS = {"amount": Type.NUMBER, "contract": Type.TEXT, ":prediction": Type.TEXT, ":label": Type.TEXT, ":score": Type.NUMBER}


def _problem(definition, kind=MetricType.AGGREGATE, columns=COLUMNS):
    with pytest.raises(MetricRefused) as refused:
        compile_metrics([MonitorMetric(name="m", definition=definition, type=kind)], columns)
    (problem,) = refused.value.problems
    return problem


HOSTILE = [
    "sum(amount) from read_csv('/etc/passwd')",
    "sum((select max(amount) from users))",
    "exists(select 1)",
    "sum(case when amount in (select 1) then 1 end)",
    "sum(amount) union select 1",
    "sum(amount) over ()",
    "sum(amount); drop table x",
    "sum(amount) -- \n; select 1",
    "getenv('HOME')",
    "sum(current_setting('x'))",
    "query('select 1')",
    "sniff_csv('/etc/passwd')",
    "java_method('java.lang.System', 'exit')",
    "reflect('java.lang.System', 'getenv')",
    "sum(length(repeat('x', 1000000000)))",
    "count_if(contract rlike '(a+)+$')",
    "count_if(regexp_like(contract, '(a+)+$'))",
    "sum(length(regexp_replace(contract, '(a+)+', 'b')))",
    "{{ config.__class__ }}",
    "{% for x in y %}{% endfor %}",
    "{# #}sum(amount)",
    "sum(t.amount)",
    "sum(amount collate 'de')",
    "sum(cast(amount as struct<a int>))",
    "sum(transform(array(1), x -> x))",
    "sum(rand())",
    "sum(unix_timestamp())",
    "sum(:x)",
    "sum(?)",
    "sum(@x)",
    "sum(amount) tablesample (1)",
    "sum(amount[0])",
    "sum(amount) where amount > 1",
    "select sum(amount) from model, users",
    "select sum(amount) from users",
    "with x as (select 1) select sum(amount) from model",
    "sum(amount) limit 1",
    "/*+ broadcast(x) */ sum(amount)",
    "as struct sum(amount)",
    "count(distinct contract)",
    "count_if(contract not like all ('x', 'y'))",
    "sum(round(amount, 2, 1))",
    "(" * 60 + "sum(amount)" + ")" * 60,
    "sum(" + "NOT " * 900 + "amount)",
    "sum(" + "- " * 900 + "amount)",
    "sum(" + "+".join(["amount"] * 450) + ")",
    "sum(" + "amount+" * 2000 + "amount)",
    "sum(case when contract like '" + "%a" * 200 + "' then 1 end)",
    "sum(map(over nvl avg))",
    "'unclosed",
    "",
    "   ",
]


@pytest.mark.parametrize("definition", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_definitions_are_refused(definition):
    assert _problem(definition).detail


@pytest.mark.parametrize(
    ("definition", "line", "column", "says"),
    [
        ("avg(prediction = 'Yes')", 1, 5, "CASE WHEN"),
        ("avg(\n  amuont)", 2, 3, "did you mean amount?"),
        ("sum(amount)\n + getenv('x')", 2, 4, "no function getenv()"),
        ("avg(CASE WHEN {{label_col}} = 1 THEN 1 ELSE 0 END)", 1, 31, "write '1' in quotes"),
        ("count_if(prediction = TRUE)", 1, 10, "write 'true' in quotes"),
        ("avg(CASE WHEN amount > '3' THEN 1 ELSE 0 END)", 1, 24, "quotes off a number"),
        ("avg(CASE WHEN amount THEN 1 ELSE 0 END)", 1, 15, "x > 0"),
        ("avg(CASE WHEN amount > 3 THEN 'x' ELSE 2 END)", 1, 40, "this is a number"),
        ("sum(amount) + amount", 1, 15, "outside an aggregate"),
        ("avg(sum(amount))", 1, 5, "aggregate within an aggregate"),
        ("sum(contract)", 1, 5, "CAST(... AS DOUBLE)"),
        ("median(amount)", 1, 1, "share of rows beyond a limit"),
        ("percentile_approx(amount, 0.5)", 1, 19, "share of rows beyond a limit"),
        ("max(CASE WHEN label = 'Yes' THEN amount END)", 1, 1, "taken back when a label changes"),
        ("sum(amount) AS total", 1, 16, "take AS"),
        ("sum(amount), 1", 1, 14, "one metric for each"),
        ("sum(1e999)", 1, 5, "float64"),
        ("{{lable_col}}", 1, 1, "{{label_col}}"),
        ("{{current_df}}.amount", 1, 1, "type: drift"),
        ("sum({{input_column}})", 1, 5, "input_columns"),
        ("count(amount, contract)", 1, 1, "one expression"),
        ("abs(1)", 1, 1, "no aggregate"),
        ("sum(amount) > 3", 1, 1, "a number is wanted"),
        ("sum(log(2, amount))", 1, 5, "log10"),
        ("sum(round(amount, amount))", 1, 19, "digits"),
        ("sum(amount) where amount > 1", 1, 19, "FILTER (WHERE"),
    ],
)
def test_a_fault_has_its_place_and_its_remedy(definition, line, column, says):
    problem = _problem(definition)
    assert (problem.line, problem.column) == (line, column)
    assert says in problem.detail
    assert str(problem).startswith(f"metric m: line {line} column {column}: ")


def test_labels_are_named_as_what_is_missing_without_them():
    problem = _problem("avg(CASE WHEN {{label_col}} = 'Yes' THEN 1 ELSE 0 END)", columns={":prediction": Type.TEXT})
    assert "labels: true" in problem.detail


def test_the_first_fault_of_every_metric_is_told_at_once():
    metrics = [
        MonitorMetric(name=name, definition=text) for name, text in {"a": "sum(x)", "b": "count(*)", "c": "sum(y)"}.items()
    ]
    with pytest.raises(MetricRefused) as refused:
        compile_metrics(metrics, COLUMNS)
    assert [problem.metric for problem in refused.value.problems] == ["a", "c"]


def test_metrics_that_name_each_other_in_a_circle_are_refused():
    metrics = [
        MonitorMetric(name="a", definition="b + 1", type=MetricType.DERIVED),
        MonitorMetric(name="b", definition="a * 2", type=MetricType.DERIVED),
    ]
    with pytest.raises(MetricRefused, match="goes in a circle: a -> b -> a"):
        compile_metrics(metrics, COLUMNS)


@pytest.mark.parametrize(
    ("definition", "kind", "says"),
    [
        ("nothing + 1", MetricType.DERIVED, "no metric nothing"),
        ("totl / 2", MetricType.DERIVED, "did you mean total?"),
        ("1 + 1", MetricType.DERIVED, "names no other metric"),
        ("sum(total)", MetricType.DERIVED, "belongs to a metric of type aggregate"),
        ("{{current_df}}.total", MetricType.DERIVED, "type: drift"),
        ("total - {{base_df}}.total", MetricType.DRIFT, "{{current_df}}.total"),
        ("total > 1", MetricType.DERIVED, "a number is wanted"),
    ],
)
def test_metrics_of_metrics_are_checked_too(definition, kind, says):
    metrics = [MonitorMetric(name="total", definition="sum(amount)"), MonitorMetric(name="m", definition=definition, type=kind)]
    with pytest.raises(MetricRefused) as refused:
        compile_metrics(metrics, COLUMNS)
    assert says in refused.value.problems[0].detail


def test_names_are_words_and_unique():
    for metrics, says in (
        ([MonitorMetric(name="a-b", definition="count(*)")], "letters, digits and _"),
        ([MonitorMetric(name="a", definition="count(*)")] * 2, "same name"),
        ([MonitorMetric(name="a", definition="avg({{input_column}})", input_columns=("amuont",))], "did you mean amount?"),
        ([MonitorMetric(name=f"m{i}", definition="count(*)") for i in range(101)], "more than 100"),
    ):
        with pytest.raises(MetricRefused, match=says):
            compile_metrics(metrics, COLUMNS)


WORDS = [
    "sum",
    "avg",
    "count",
    "count_if",
    "min",
    "max",
    "stddev",
    "(",
    ")",
    "(",
    ")",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "amount",
    "contract",
    "prediction",
    "label",
    "1",
    "2.5",
    "'x'",
    "NULL",
    "TRUE",
    "AND",
    "OR",
    "NOT",
    "=",
    "<>",
    "<",
    "<=>",
    "IS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "IN",
    "BETWEEN",
    "LIKE",
    "FILTER",
    "WHERE",
    "SELECT",
    "FROM",
    "model",
    "cast",
    "as",
    "double",
    "distinct",
    "over",
    "coalesce",
    "nullif",
    "if",
    "round",
    "floor",
    "greatest",
    "length",
    "power",
    "log",
    "{{label_col}}",
    "{{current_df}}",
    ".",
    "::",
    "[",
    "]",
    ";",
    "--",
    "`",
    "interval",
    "->",
    "struct",
    "array",
    "map",
    "?",
    ":x",
    "||",
    "&",
    "~",
    "exists",
    "any",
    "escape",
    "ilike",
    "order",
    "limit",
    "union",
    "with",
    "lateral",
    "try_divide",
    "mod",
    "div",
    "percentile",
    "unnest",
    "qualify",
    "tablesample",
]
GOOD = (
    "sum ( CASE WHEN amount BETWEEN 1 AND 2 THEN round ( amount , 1 ) ELSE 0 END ) / count ( * ) FILTER ( WHERE label = 'x' )"
)


def test_no_text_brings_the_compiler_down():
    chance = random.Random(7)
    for _ in range(300):
        words = GOOD.split(" ")
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(words))
            words[at : at + chance.randint(0, 1)] = [chance.choice(WORDS)]
        for kind in MetricType:
            try:
                compile_metrics([MonitorMetric(name="m", definition=" ".join(words), type=kind)], COLUMNS)
            except MetricRefused as refused:
                assert refused.problems
