"""A business metric as its owner writes it: a name, one SQL expression, and which columns it looks at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.drift.sqlmetrics.errors import MetricRefused, Problem
from driftline.events.columns import TABLE

__all__ = ["Metric", "MetricType", "OutputType", "metric_from"]

_PREFIXES = ("DATA_PROFILING_CUSTOM_METRIC_TYPE_", "CUSTOM_METRIC_TYPE_", "METRIC_TYPE_")
_KEYS = ("name", "type", "input_columns", "definition", "output_data_type", "description")


class MetricType(StrEnum):
    """What a definition may refer to."""

    AGGREGATE = "AGGREGATE"
    """Aggregates over the columns of the rows of a window."""
    DERIVED = "DERIVED"
    """Other metrics of the same window, by name."""
    DRIFT = "DRIFT"
    """Other metrics of two windows: {{current_df}}.name and {{base_df}}.name."""


class OutputType(StrEnum):
    """What the value is: every number is computed as float64."""

    DOUBLE = "DOUBLE"
    LONG = "LONG"
    """Cut towards zero, as CAST(... AS BIGINT)."""


_OUTPUTS = {
    **dict.fromkeys(("double", "float", "decimal"), OutputType.DOUBLE),
    **dict.fromkeys(("long", "bigint", "integer", "int"), OutputType.LONG),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One definition. Nothing is checked before it is compiled."""

    name: str
    """Letters, digits and _, not beginning with a digit; unique within a monitor."""
    definition: str
    """One SQL expression, without SELECT, joins or subqueries."""
    type: MetricType = MetricType.AGGREGATE
    input_columns: tuple[str, ...] = (TABLE,)
    """`(":table",)` for one value; names of columns for one value of each, {{input_column}} standing for the name."""
    output_type: OutputType = OutputType.DOUBLE
    description: str = ""
    """For people."""


def metric_from(values: Mapping[str, object]) -> Metric:
    """A metric from the keys that Databricks gives it: name, type, input_columns, definition, output_data_type.

    `type` may carry the prefix CUSTOM_METRIC_TYPE_; `output_data_type` may be a word (double) or the JSON of a Spark
    StructField. Raises MetricRefused with the key that is wrong.
    """
    name = values.get("name")
    if not isinstance(name, str):
        raise MetricRefused([Problem("", "a metric has no name; write name: letters_and_digits")])
    for key in values:
        if key not in _KEYS:
            raise MetricRefused([Problem(name, f"unknown key {key!r}; known are {', '.join(_KEYS)}")])
    definition = values.get("definition")
    if not isinstance(definition, str):
        raise MetricRefused([Problem(name, "has no definition; write one SQL expression such as avg(amount)")])
    description = values.get("description", "")
    return Metric(
        name=name,
        definition=definition,
        type=_type(name, values.get("type", MetricType.AGGREGATE)),
        input_columns=_columns(name, values.get("input_columns", (TABLE,))),
        output_type=_output(name, values.get("output_data_type", "double")),
        description=description if isinstance(description, str) else "",
    )


def _type(name: str, value: object) -> MetricType:
    word = str(value).upper()
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    try:
        return MetricType(word)
    except ValueError:
        raise MetricRefused([Problem(name, f"{value!r} is no type; write aggregate, derived or drift")]) from None


def _columns(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and value and all(isinstance(each, str) for each in value):
        return tuple(dict.fromkeys(value))
    raise MetricRefused([Problem(name, f'input_columns is {value!r}; write [":table"] or a list of columns')])


def _output(name: str, value: object) -> OutputType:
    word = str(value)
    if word.lstrip().startswith("{"):
        try:
            word = str(json.loads(word)["type"])
        except (ValueError, KeyError, TypeError):
            raise MetricRefused([Problem(name, "output_data_type is no JSON of a StructField; write double")]) from None
    found = _OUTPUTS.get(word.lower().removesuffix("type").removesuffix("type()"))
    if found is None:
        raise MetricRefused([Problem(name, f"output_data_type {word!r} is no number; write double or long")])
    return found
