"""From the text of a definition to the tree of one expression, within limits that keep the parser and us out of trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from driftline.drift.sqlmetrics.errors import Fault
from driftline.drift.sqlmetrics.template import render

__all__ = ["Parsed", "parse", "place_of"]

MAXIMUM_LENGTH = 4000
MAXIMUM_TOKENS = 1000
MAXIMUM_NESTING = 50
MAXIMUM_NODES = 600
MAXIMUM_DEPTH = 80
"""Of the tree: translating it takes a few calls for each level."""

MODEL = "model"
"""What a definition of the form SELECT ... FROM model WHERE ... selects from."""

_PREFIX = "SELECT "
_OPENING = {TokenType.L_PAREN, TokenType.CASE, TokenType.L_BRACKET}
_CLOSING = {TokenType.R_PAREN, TokenType.END, TokenType.R_BRACKET}


@dataclass(frozen=True, slots=True)
class Parsed:
    """One expression, and the condition on rows that its WHERE states."""

    expression: exp.Expr
    where: exp.Expr | None = None


def parse(text: str) -> Parsed:
    """The tree of `text`; offsets of its nodes (`place_of`) are those of `text`. Raises Fault.

    Also understood: SELECT <expression> FROM model [WHERE <condition>], the dialect of Arize; the condition then holds
    for every aggregate.
    """
    if not text.strip():
        raise Fault("the definition is empty; write one SQL expression such as avg(amount)")
    if len(text) > MAXIMUM_LENGTH:
        raise Fault(f"{len(text)} characters are more than the {MAXIMUM_LENGTH} that are taken; split it into derived metrics")
    rendered = render(text)
    tokens = _tokens(rendered)
    whole = bool(tokens) and tokens[0].token_type is TokenType.SELECT
    sql = rendered if whole else _PREFIX + rendered
    statement = _statement(sql, padded=not whole)
    found = _select(statement, whole=whole)
    _measure(found.expression)
    if found.where is not None:
        _measure(found.where)
    return found


def place_of(node: exp.Expr) -> int | None:
    """Offset of the first character that the node is known by: its own, else the first of what stands below it."""
    own = node.meta.get("start")
    starts = [own] if own is not None else [each.meta["start"] for each in _walk(node) if "start" in each.meta]
    if not starts:
        return place_of(node.parent) if node.parent is not None else None
    root = node.root()
    return int(min(starts)) - (len(_PREFIX) if root.meta.get("padded") else 0)


def _tokens(rendered: str) -> list[Token]:
    try:
        tokens = list(Databricks().tokenize(rendered))
    except SqlglotError as error:
        raise Fault(f"this is no SQL: {_first_line(error)}; look for a quote that is not closed", 0) from None
    if len(tokens) > MAXIMUM_TOKENS:
        raise Fault(f"{len(tokens)} words are more than the {MAXIMUM_TOKENS} that are taken; split it into derived metrics")
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAXIMUM_NESTING:
            raise Fault(f"nested deeper than {MAXIMUM_NESTING}; split it into derived metrics", token.start)
        if token.token_type is TokenType.SEMICOLON:
            raise Fault("a definition is one expression; take the semicolon and what follows out", token.start)
    return tokens


def _statement(sql: str, *, padded: bool) -> exp.Expr:
    try:
        statements = Databricks().parse(sql)
    except SqlglotError as error:
        at = _offset(error, sql)
        at = None if at is None else at - (len(_PREFIX) if padded else 0)
        raise Fault("this is no SQL expression: here something is missing or too much", at) from None
    except RecursionError:
        raise Fault("nested too deeply; split it into derived metrics") from None
    except Exception as error:  # noqa: BLE001 - whatever a text does to the parser, it is a text that is refused
        raise Fault(f"the parser gave up on this ({type(error).__name__}); write it more simply") from None
    if len(statements) != 1 or statements[0] is None:
        raise Fault("a definition is one expression; write one, without semicolons")
    statement = statements[0]
    assert isinstance(statement, exp.Expr)
    statement.meta["padded"] = padded
    return statement


def _select(statement: exp.Expr, *, whole: bool) -> Parsed:
    if not isinstance(statement, exp.Select):
        raise Fault("a definition is one expression, without UNION or WITH", place_of(statement))
    allowed = {"expressions", "from_", "where"} if whole else {"expressions"}
    for clause, node in statement.args.items():
        if node and clause not in allowed:
            first = node[0] if isinstance(node, list) else node
            at = place_of(first) if isinstance(first, exp.Expr) else None
            name = clause.strip("_").upper()
            hint = "; write sum(x) FILTER (WHERE ...)" if name == "WHERE" else ""
            raise Fault(f"{name} has no place in a definition: it is one expression over the rows of a window{hint}", at)
    source = statement.args.get("from_")
    if whole and not _is_model(source):
        raise Fault("the only table is `model`; write the expression alone, or between SELECT and FROM model")
    expressions = statement.expressions
    if len(expressions) != 1:
        raise Fault(
            "a definition is one expression; write one metric for each", place_of(expressions[-1]) if expressions else 0
        )
    if isinstance(expressions[0], exp.Alias):
        raise Fault("the metric's own name is its alias; take AS and what follows out", place_of(expressions[0].args["alias"]))
    where = statement.args.get("where")
    return Parsed(expressions[0], where.this if where is not None else None)


def _is_model(source: object) -> bool:
    if not isinstance(source, exp.From) or not isinstance(source.this, exp.Table):
        return False
    set_to = {key for key, value in source.this.args.items() if value}
    return set_to == {"this"} and source.this.name.lower() == MODEL


def _measure(tree: exp.Expr) -> None:
    """Refuse what is too big, without recursion."""
    nodes = 0
    level = [tree]
    depth = 0
    while level:
        nodes += len(level)
        depth += 1
        if nodes > MAXIMUM_NODES or depth > MAXIMUM_DEPTH:
            raise Fault("the expression is too large; split it into derived metrics", place_of(level[0]))
        level = [child for node in level for child in node.iter_expressions()]


def _walk(node: exp.Expr) -> Iterator[exp.Expr]:
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        stack.extend(each.iter_expressions())


def _offset(error: SqlglotError, sql: str) -> int | None:
    found: list[Mapping[str, Any]] = getattr(error, "errors", None) or [{}]
    line, column = found[0].get("line"), found[0].get("col")
    if not isinstance(line, int) or not isinstance(column, int):
        return None
    starts = [0, *(i + 1 for i, letter in enumerate(sql) if letter == "\n")]
    token = found[0].get("highlight") or ""
    base = starts[min(line, len(starts)) - 1]
    return max(0, min(base + column - max(len(token), 1), len(sql)))


def _first_line(error: SqlglotError) -> str:
    return str(error).split("\n", 1)[0].split(". Line", 1)[0]
