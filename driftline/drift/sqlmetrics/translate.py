"""From the tree that sqlglot parsed to typed steps.

What is not named here is refused: the list of what is allowed is the boundary, whatever functions a dialect may know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from sqlglot import exp

from driftline.drift.sqlmetrics.errors import Fault
from driftline.drift.sqlmetrics.parse import place_of
from driftline.drift.sqlmetrics.steps import Steps
from driftline.drift.sqlmetrics.vectors import Type

__all__ = ["AGGREGATES", "Leaf", "Translator", "Typed", "refuse_foreign"]

MAXIMUM_PATTERN = 256
MAXIMUM_DIGITS = 15

AGGREGATES: Mapping[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Count: "count",
    exp.CountIf: "count_if",
    exp.Min: "min",
    exp.Max: "max",
    exp.Stddev: "stddev",
    exp.StddevSamp: "stddev",
    exp.StddevPop: "stddev_pop",
    exp.Variance: "variance",
    exp.VariancePop: "variance_pop",
}

_ARITHMETIC: Mapping[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.SafeDivide: "/",
    exp.Mod: "%",
    exp.IntDiv: "div",
    exp.Pow: "power",
}
_OF_ONE_NUMBER: Mapping[type[exp.Expr], str] = {
    exp.Neg: "negate",
    exp.Abs: "abs",
    exp.Sign: "sign",
    exp.Sqrt: "sqrt",
    exp.Ln: "ln",
    exp.Exp: "exp",
    exp.Floor: "floor",
    exp.Ceil: "ceil",
}
_COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
    exp.NullSafeNEQ: "not <=>",
}
_MIRRORED: Mapping[type[exp.Expr], str] = {exp.Greatest: "greatest", exp.Least: "least"}
_OF_ONE_TEXT: Mapping[type[exp.Expr], str] = {exp.Lower: "lower", exp.Upper: "upper", exp.Length: "length"}
_JOINS: Mapping[type[exp.Expr], str] = {exp.And: "and", exp.Or: "or"}
_NUMBER_TYPES = {"DOUBLE", "FLOAT"}
_WHOLE_TYPES = {"INT", "BIGINT", "SMALLINT", "TINYINT"}
_TEXT_TYPES = {"TEXT", "VARCHAR"}

_OPERANDS = frozenset({"this", "expression", "expressions"})
_MORE_ARGUMENTS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Between: frozenset({"low", "high"}),
    exp.Case: frozenset({"ifs", "default"}),
    exp.Cast: frozenset({"to"}),
    exp.Ceil: frozenset({"decimals", "to"}),  # refused with words of its own
    exp.Column: frozenset({"table"}),  # likewise
    exp.Count: frozenset({"big_int"}),
    exp.DataType: frozenset({"nested"}),  # likewise
    exp.Floor: frozenset({"decimals", "to"}),
    exp.Greatest: frozenset({"ignore_nulls"}),
    exp.ILike: frozenset({"negate"}),
    exp.Identifier: frozenset({"quoted"}),
    exp.If: frozenset({"true", "false"}),
    exp.Least: frozenset({"ignore_nulls"}),
    exp.Like: frozenset({"negate"}),
    exp.Literal: frozenset({"is_string"}),
    exp.Round: frozenset({"decimals"}),
    exp.TryCast: frozenset({"to", "safe"}),
}
"""What else the methods below read of a node."""

_NOT_ADDITIVE = "cannot be added up from parts of a window exactly"
_SHARE = "watch the share of rows beyond a limit instead: avg(CASE WHEN x > 100 THEN 1.0 ELSE 0.0 END)"
_NO_SUBQUERY = "a definition sees the rows of one window and nothing else; take the subquery out"
_NO_CLOCK = "a metric is a function of the rows alone, so that any window can be computed again; take the time out"
_REFUSED: Mapping[type[exp.Expr], str] = {
    exp.Median: f"a median {_NOT_ADDITIVE}; {_SHARE}",
    exp.ApproxQuantile: f"a percentile {_NOT_ADDITIVE}; {_SHARE}",
    exp.Quantile: f"a percentile {_NOT_ADDITIVE}; {_SHARE}",
    exp.PercentileCont: f"a percentile {_NOT_ADDITIVE}; {_SHARE}",
    exp.PercentileDisc: f"a percentile {_NOT_ADDITIVE}; {_SHARE}",
    exp.WithinGroup: f"an ordered set {_NOT_ADDITIVE}; {_SHARE}",
    exp.Mode: f"a mode {_NOT_ADDITIVE}; {_SHARE}",
    exp.Distinct: f"the number of distinct values {_NOT_ADDITIVE}; count the values that matter with count_if(x = 'value')",
    exp.ApproxDistinct: f"the number of distinct values {_NOT_ADDITIVE}; count those that matter with count_if(x = 'value')",
    exp.Window: "OVER has no place here: the window is the monitor's; write the aggregate alone",
    exp.Subquery: _NO_SUBQUERY,
    exp.Select: _NO_SUBQUERY,
    exp.Exists: _NO_SUBQUERY,
    exp.Any: _NO_SUBQUERY,
    exp.All: _NO_SUBQUERY,
    exp.RegexpLike: "regular expressions are not run on other people's rows; use LIKE, or IN with the values",
    exp.RegexpILike: "regular expressions are not run on other people's rows; use LIKE, or IN with the values",
    exp.Escape: "write a backslash before the character instead of ESCAPE",
    exp.CurrentTimestamp: _NO_CLOCK,
    exp.CurrentDate: _NO_CLOCK,
    exp.Rand: "a metric is a function of the rows alone, so that any window can be computed again; take the chance out",
    exp.Interval: "there are no times among the columns; take the interval out",
    exp.DPipe: "texts are compared, not put together; compare each column by itself",
    exp.Concat: "texts are compared, not put together; write one literal in double quotes if it holds a quote",
    exp.Star: "* stands in count(*) only",
    exp.Tuple: "one value is wanted here, not several",
}
_KNOWN_FUNCTIONS = (
    *sorted({*AGGREGATES.values(), "var_samp", "var_pop", "stddev_samp"}),
    *("abs", "sign", "sqrt", "ln", "log10", "exp", "power", "floor", "ceil", "round", "greatest", "least", "mod", "if"),
    *("coalesce", "nullif", "nvl", "ifnull", "lower", "upper", "length", "cast", "try_cast", "try_divide"),
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A step and the type of its result."""

    step: int
    type: Type


Leaf: TypeAlias = Callable[[exp.Expr], Typed]


class Translator:
    """Turns trees into steps. What a column and an aggregate mean depends on where the expression stands."""

    def __init__(self, steps: Steps, on_column: Leaf, on_aggregate: Leaf) -> None:
        self.steps = steps
        self._on_column = on_column
        self._on_aggregate = on_aggregate

    def translate(self, node: exp.Expr) -> Typed:
        """The step of a tree. Raises Fault with the place of what is refused."""
        kind = type(node)
        if kind is exp.Paren:
            return self.translate(node.this)
        if kind is exp.Column:
            return self._on_column(node)
        if kind in AGGREGATES or kind is exp.Filter:
            return self._on_aggregate(node)
        for table, method in _METHODS:
            if kind in table:
                return method(self, node)
        raise Fault(_why_refused(node), place_of(node))

    def number(self, node: exp.Expr) -> Typed:
        """As `translate`, and it must be a number."""
        return self._of(node, Type.NUMBER)

    def truth(self, node: exp.Expr) -> Typed:
        """As `translate`, and it must be a condition."""
        return self._of(node, Type.TRUTH)

    def _of(self, node: exp.Expr, wanted: Type) -> Typed:
        found = self.translate(node)
        if found.type is not wanted and found.type is not Type.NOTHING:
            raise Fault(_wrong_type(found.type, wanted), place_of(node))
        return self._as(found, wanted)

    def value(self, node: exp.Expr) -> Typed:
        """As `translate`, of any type; NULL counts as a number."""
        return self._as(self.translate(node), Type.NUMBER)

    def null(self, of: Type) -> Typed:
        """NULL of a type."""
        return Typed(self.steps.add(f"null {'truth' if of is Type.TRUTH else of.value}"), of)

    def _as(self, found: Typed, wanted: Type) -> Typed:
        """NULL of the type that is wanted."""
        return self.null(wanted) if found.type is Type.NOTHING and wanted is not Type.NOTHING else found

    def _alike(self, *nodes: exp.Expr) -> list[Typed]:
        """Several values of one type; NULL takes the type of the others (and stays NULL where all are)."""
        found = [self.translate(node) for node in nodes]
        wanted = next((each.type for each in found if each.type is not Type.NOTHING), Type.NOTHING)
        for node, each in zip(nodes, found, strict=True):
            if each.type not in (wanted, Type.NOTHING):
                raise Fault(_two_types(wanted, each.type, node), place_of(node))
        return [self._as(each, wanted) for each in found]

    def _add(self, operation: str, of: Type, *arguments: Typed, constants: tuple[str | float | bool, ...] = ()) -> Typed:
        return Typed(self.steps.add(operation, *(each.step for each in arguments), constants=constants), of)

    def literal(self, node: exp.Expr) -> Typed:
        """A number, text, TRUE, FALSE or NULL."""
        if isinstance(node, exp.Null):
            return Typed(-1, Type.NOTHING)
        if isinstance(node, exp.Boolean):
            return self._add("truth", Type.TRUTH, constants=(bool(node.this),))
        if node.args.get("is_string"):
            return self._add("text", Type.TEXT, constants=(node.name,))
        return self._add("number", Type.NUMBER, constants=(_finite(node),))

    def arithmetic(self, node: exp.Expr) -> Typed:
        """Of two numbers."""
        return self._add(_ARITHMETIC[type(node)], Type.NUMBER, self.number(node.this), self.number(node.expression))

    def of_one_number(self, node: exp.Expr) -> Typed:
        """Of one number; -5 is a literal."""
        if node.args.get("decimals") is not None or node.args.get("to") is not None:
            raise Fault("takes one number here; use round(x, digits)", place_of(node))
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return self._add("number", Type.NUMBER, constants=(-_finite(node.this),))
        return self._add(_OF_ONE_NUMBER[type(node)], Type.NUMBER, self.number(node.this))

    def logarithm(self, node: exp.Expr) -> Typed:
        """log(x) is the natural one, log10(x) arrives as log(10, x)."""
        if node.expression is None:
            return self._add("ln", Type.NUMBER, self.number(node.this))
        if isinstance(node.this, exp.Literal) and not node.this.is_string and _finite(node.this) == 10:
            return self._add("log10", Type.NUMBER, self.number(node.expression))
        raise Fault("logarithms are ln(x) and log10(x); divide by ln(base) for another base", place_of(node))

    def rounded(self, node: exp.Expr) -> Typed:
        """round(x) and round(x, digits), half away from zero."""
        digits = self._digits(node.args.get("decimals"))
        return self._add("round", Type.NUMBER, self.number(node.this), constants=(digits,))

    def _digits(self, node: exp.Expr | None) -> int:
        if node is None:
            return 0
        sign, literal = (-1, node.this) if isinstance(node, exp.Neg) else (1, node)
        if isinstance(literal, exp.Literal) and not literal.is_string and literal.name.isdigit():
            digits = sign * int(literal.name[:9])
            if abs(digits) <= MAXIMUM_DIGITS:
                return digits
        raise Fault(f"round takes a whole number of digits from -{MAXIMUM_DIGITS} to {MAXIMUM_DIGITS}", place_of(node))

    def compared(self, node: exp.Expr) -> Typed:
        """Two values of one type."""
        word = _COMPARISONS[type(node)]
        left, right = self._alike(node.this, node.expression)
        return self._comparison(word, left, right, node)

    def _comparison(self, word: str, left: Typed, right: Typed, node: exp.Expr) -> Typed:
        if left.type is Type.NOTHING:
            left, right = self.null(Type.NUMBER), self.null(Type.NUMBER)
        if left.type is Type.TRUTH and word not in ("=", "<>"):
            raise Fault("truth values are equal or different, no more; use AND, OR, NOT", place_of(node))
        if word == "not <=>":
            return self._add("not", Type.TRUTH, self._add(f"<=> {left.type}", Type.TRUTH, left, right))
        return self._add(f"{word} {left.type}", Type.TRUTH, left, right)

    def between(self, node: exp.Expr) -> Typed:
        """Both ends belong to it."""
        value, low, high = self._alike(node.this, node.args["low"], node.args["high"])
        if value.type is Type.NUMBER:
            return self._add("between number", Type.TRUTH, value, low, high)
        above = self._comparison(">=", value, low, node)
        return self._add("and", Type.TRUTH, above, self._comparison("<=", value, high, node))

    def among(self, node: exp.Expr) -> Typed:
        """IN: equal to any of the values, unknown where none is and one is NULL."""
        if not node.expressions:
            raise Fault(_NO_SUBQUERY, place_of(node))
        value, *others = self._alike(node.this, *node.expressions)
        found = [self._comparison("=", value, other, node) for other in others]
        total = found[0]
        for each in found[1:]:
            total = self._add("or", Type.TRUTH, total, each)
        return total

    def joined(self, node: exp.Expr) -> Typed:
        """AND, OR."""
        return self._add(_JOINS[type(node)], Type.TRUTH, self.truth(node.this), self.truth(node.expression))

    def negated(self, node: exp.Expr) -> Typed:
        """NOT."""
        return self._add("not", Type.TRUTH, self.truth(node.this))

    def questioned(self, node: exp.Expr) -> Typed:
        """IS NULL, IS TRUE, IS FALSE: never unknown."""
        other = node.expression
        if isinstance(other, exp.Null):
            return self._add("is null", Type.TRUTH, self.value(node.this))
        if isinstance(other, exp.Boolean):
            return self._add("is true" if other.this else "is false", Type.TRUTH, self.truth(node.this))
        raise Fault("IS asks for NULL, TRUE or FALSE; use = to compare", place_of(node))

    def case(self, node: exp.Expr) -> Typed:
        """CASE WHEN, CASE x WHEN, IF(condition, value, otherwise): the first condition that is true."""
        branches = node.args.get("ifs") or [node]
        operand = node.this if isinstance(node, exp.Case) else None
        conditions = [self._condition(operand, each.this, node) for each in branches]
        otherwise = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
        values = self._alike(*(each.args["true"] for each in branches), otherwise or exp.Null())
        if values[0].type is Type.NOTHING:
            return values[0]
        arguments = [part for pair in zip(conditions, values, strict=False) for part in pair]
        return self._add(f"case {values[0].type}", values[0].type, *arguments, values[-1])

    def _condition(self, operand: exp.Expr | None, when: exp.Expr, node: exp.Expr) -> Typed:
        if operand is None:
            return self.truth(when)
        left, right = self._alike(operand, when)
        return self._comparison("=", left, right, node)

    def coalesced(self, node: exp.Expr) -> Typed:
        """The first that is not NULL."""
        values = self._alike(node.this, *node.expressions)
        return self._number_or_text("coalesce", values, node)

    def nullified(self, node: exp.Expr) -> Typed:
        """NULLIF."""
        return self._number_or_text("nullif", self._alike(node.this, node.expression), node)

    def _number_or_text(self, word: str, values: list[Typed], node: exp.Expr) -> Typed:
        if values[0].type is Type.NOTHING:
            return values[0]
        if values[0].type is Type.TRUTH:
            raise Fault(f"{word} takes numbers or texts; use CASE for truth values", place_of(node))
        return self._add(f"{word} {values[0].type}", values[0].type, *values)

    def mirrored(self, node: exp.Expr) -> Typed:
        """GREATEST, LEAST: NULL is passed over."""
        values = [self.number(each) for each in (node.this, *node.expressions)]
        return self._add(_MIRRORED[type(node)], Type.NUMBER, *values)

    def of_one_text(self, node: exp.Expr) -> Typed:
        """LOWER, UPPER, LENGTH."""
        word = _OF_ONE_TEXT[type(node)]
        return self._add(word, Type.NUMBER if word == "length" else Type.TEXT, self._of(node.this, Type.TEXT))

    def like(self, node: exp.Expr) -> Typed:
        """LIKE and ILIKE with a pattern that is written out."""
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise Fault("LIKE takes a pattern that is written out, such as 'Month%'", place_of(pattern))
        if len(pattern.name) > MAXIMUM_PATTERN:
            raise Fault(f"a pattern has at most {MAXIMUM_PATTERN} characters", place_of(pattern))
        value = self._of(node.this, Type.TEXT)
        found = self._add("like", Type.TRUTH, value, constants=(pattern.name, isinstance(node, exp.ILike)))
        return self._add("not", Type.TRUTH, found) if node.args.get("negate") else found

    def cast(self, node: exp.Expr) -> Typed:
        """To DOUBLE, INT and the like, or STRING; text that is no number becomes NULL."""
        to = node.args["to"]
        name = to.this.value if isinstance(to, exp.DataType) and not to.expressions else str(to)
        value = self.translate(node.this)
        if value.type is Type.NOTHING:
            value = self._as(value, Type.TEXT if name in _TEXT_TYPES else Type.NUMBER)
        if name in _TEXT_TYPES and value.type is Type.TEXT:
            return value
        if name not in _NUMBER_TYPES | _WHOLE_TYPES:
            known = "DOUBLE or BIGINT" + (", STRING of texts" if value.type is not Type.TEXT else "")
            raise Fault(f"no cast from {value.type} to {name}; known are {known}", place_of(node.this))
        if value.type is Type.TEXT:
            value = self._add("text to number", Type.NUMBER, value)
        elif value.type is Type.TRUTH:
            value = self._add("truth to number", Type.NUMBER, value)
        return self._add("whole", Type.NUMBER, value) if name in _WHOLE_TYPES else value


_METHODS: tuple[tuple[frozenset[type[exp.Expr]], Callable[[Translator, exp.Expr], Typed]], ...] = tuple(
    (frozenset(table), method)
    for table, method in (
        ((exp.Literal, exp.Null, exp.Boolean), Translator.literal),
        (_ARITHMETIC, Translator.arithmetic),
        (_OF_ONE_NUMBER, Translator.of_one_number),
        (_COMPARISONS, Translator.compared),
        (_JOINS, Translator.joined),
        (_MIRRORED, Translator.mirrored),
        (_OF_ONE_TEXT, Translator.of_one_text),
        ((exp.Log,), Translator.logarithm),
        ((exp.Round,), Translator.rounded),
        ((exp.Between,), Translator.between),
        ((exp.In,), Translator.among),
        ((exp.Not,), Translator.negated),
        ((exp.Is,), Translator.questioned),
        ((exp.Case, exp.If), Translator.case),
        ((exp.Coalesce,), Translator.coalesced),
        ((exp.Nullif,), Translator.nullified),
        ((exp.Like, exp.ILike), Translator.like),
        ((exp.Cast, exp.TryCast), Translator.cast),
    )
)


def refuse_foreign(tree: exp.Expr) -> None:
    """Refuse what has no place in any definition, before its columns are looked for. Raises Fault.

    A node may carry more than its operands (NOT LIKE is a LIKE with `negate`): what we do not read would be left out in
    silence, so that it is refused.
    """
    for node in tree.walk():
        if isinstance(node, exp.Anonymous) or (type(node) in _REFUSED and type(node) not in (exp.Star, exp.Tuple)):
            raise Fault(_why_refused(node), place_of(node))
        read = _OPERANDS | _MORE_ARGUMENTS.get(type(node), frozenset())
        unread = [name for name, value in node.args.items() if value not in (None, False, []) and name not in read]
        if unread:
            raise Fault(
                f"{_spelling(node)} with {unread[0].replace('_', ' ')} is not understood; take that out", place_of(node)
            )


def _finite(node: exp.Expr) -> float:
    try:
        value = float(node.name)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Fault(f"{node.name[:40]} is no number that float64 can hold", place_of(node))
    return value


def _wrong_type(found: Type, wanted: Type) -> str:
    message = f"a {wanted} is wanted here, but this is a {found}"
    if found is Type.TRUTH and wanted is Type.NUMBER:
        return f"{message}; write CASE WHEN ... THEN 1.0 ELSE 0.0 END, or count_if(...) to count"
    if found is Type.TEXT and wanted is Type.NUMBER:
        return f"{message}; compare it in a CASE, or write CAST(... AS DOUBLE) if the texts are numbers"
    if wanted is Type.TRUTH:
        return f"{message}; compare it with something, such as x = 'Yes' or x > 0"
    return f"{message}; compare or convert it"


def _two_types(wanted: Type, found: Type, node: exp.Expr) -> str:
    message = f"this is a {found}, but what it stands beside is a {wanted}"
    if isinstance(node, exp.Literal) and found is Type.NUMBER:
        return f"{message}; write '{node.name}' in quotes"
    if isinstance(node, exp.Boolean) and wanted is Type.TEXT:
        return f"{message}; write '{str(bool(node.this)).lower()}' in quotes"
    if {wanted, found} == {Type.NUMBER, Type.TEXT}:
        return f"{message}; take the quotes off a number, or write CAST(... AS DOUBLE) of the text"
    return f"{message}; make both the same"


def _why_refused(node: exp.Expr) -> str:
    reason = _REFUSED.get(type(node))
    if reason is not None:
        return reason
    if not isinstance(node, exp.Func):
        return f"{_spelling(node)} is not understood here; take it out"
    name = _spelling(node).lower()
    close = get_close_matches(name, _KNOWN_FUNCTIONS, n=1, cutoff=0.75)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(_KNOWN_FUNCTIONS)}"
    return f"no function {name}(); {hint}"


def _spelling(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this)[:60]
    return node.sql_name() if isinstance(node, exp.Func) else node.key.upper()
