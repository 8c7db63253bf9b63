"""Jinja2 without a way out of it: a text sees plain values, and what it may cost is counted while it renders.

Jinja2's own sandbox keeps texts from the insides of Python. It bounds neither time nor memory, so here every turn of a loop, every call
and every character or element that comes of an expression is paid from a budget. For that lists hold nothing but single values: structures
that share parts could be exponentially large without any work. Whatever is not listed here is refused or does not exist.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS, do_join, make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

WORK = 100_000
"""Steps that one rendering may take: below a second, and below 2 MB."""
_CHARACTERS = 16
"""So many are one step."""
_LONGEST_TEXT = 100_000
"""Characters of one text."""
LONGEST_RANGE = 1_000
_LARGEST = 10**15

_OF_TEXTS = ("abs", "capitalize", "float", "int", "lower", "title", "trim", "truncate", "upper", "wordcount")
_OF_LISTS = (
    *("dictsort", "first", "items", "last", "length", "list", "map", "max", "min", "reject", "rejectattr", "reverse"),
    *("select", "selectattr", "sort", "sum", "unique"),
)
_METHODS: Mapping[type, frozenset[str]] = {
    dict: frozenset({"get", "items", "keys", "values"}),
    str: frozenset(
        {"capitalize", "endswith", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip", "split", "splitlines"}
        | {"startswith", "strip", "title", "upper"}
    ),
}
_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Include: "include is not supported; put it into a macro and import that",
    nodes.Extends: "extends is not supported; put what is shared into a macro and import that",
    nodes.Block: "block is not supported; write a macro",
    nodes.CallBlock: "call is not supported; give the macro its text as an argument",
    nodes.FilterBlock: "filter blocks are not supported; filter each value",
    nodes.ScopedEvalContextModifier: "autoescape is not supported: what a channel needs escaped is always escaped",
    nodes.Dict: "mappings cannot be written in a text",
}


@dataclass(slots=True)
class _Budget:
    left: int = WORK


_BUDGET: ContextVar[_Budget] = ContextVar("budget")


@contextmanager
def budget() -> Iterator[None]:
    """What is compiled and rendered in here shares one budget."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def _spend(cost: int) -> None:
    left = _BUDGET.get()
    left.left -= cost
    if left.left < 0:
        raise SecurityError(
            f"works too long: {WORK} turns of loops, calls and elements are the most, {_CHARACTERS} characters count as one"
        )


def _spend_on(value: object) -> None:
    if isinstance(value, str):
        _spend_on_text(len(value))
    else:
        _spend(1 + (len(value) if isinstance(value, list | tuple | dict) else 0))


def _spend_on_text(length: int) -> None:
    if length > _LONGEST_TEXT:
        raise SecurityError(f"makes a text that is too long: {_LONGEST_TEXT} characters are the most")
    _spend(1 + length // _CHARACTERS)


def _weighed(_context: object, value: object) -> object:
    """A value that something is about to go through, such as a comparison."""
    _spend_on(value)
    return value


def _turns(_context: object, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        _spend(1)
        yield value


def _present(value: object) -> None:
    if isinstance(value, StrictUndefined):
        str(value)  # raises UndefinedError, which says what is missing


def _single(value: object) -> object:
    """A value that has no parts. Raises SecurityError."""
    _present(value)
    if value is not None and not isinstance(value, str | int | float):
        raise SecurityError("a list or a mapping is no text; say which part of it, or join it: {{ names | join(', ') }}")
    return value


def _said(value: object) -> object:
    """What stands between {{ }}, as it is put out."""
    said = "" if _single(value) is None else value
    _spend_on_text(len(str(said)))
    return said


@pass_eval_context
def _joined(eval_context: EvalContext, values: Iterable[Any], between: str = "", attribute: str | int | None = None) -> str:
    part = make_attrgetter(eval_context.environment, attribute) if attribute is not None else _single
    found = [_single(part(value)) for value in _turns(None, values)]
    _spend_on_text(len(found) * len(str(_single(between))) + sum(len(str(value)) for value in found))
    made: str = do_join(eval_context, found, between)
    return made


def _replaced(text: str, old: str, new: str) -> str:
    text, old, new = str(_single(text)), str(_single(old)), str(_single(new))
    _spend_on_text(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _default(value: object, otherwise: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - as in Jinja2
    return _single(otherwise) if isinstance(value, StrictUndefined) or (boolean and not value) else value


def _rounded(value: float, digits: int = 0) -> float:
    return round(value, min(max(digits, 0), 15)) if digits else round(value)


def _elements(_context: object, values: list[Any]) -> list[Any]:
    return [_single(value) for value in values]


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > LONGEST_RANGE:
        raise SecurityError(f"range is too long: {LONGEST_RANGE} numbers are the most")
    _spend(len(found))
    return found


def _metered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, paid by what it takes and what it makes; what it makes lazily by its elements."""

    @wraps(function)  # with the mark that says whether it takes the context
    def paid(*values: Any, **named: Any) -> Any:
        for value in (*values, *named.values()):
            _spend_on(value)
        made = function(*values, **named)
        if isinstance(made, Iterator):
            return _turns(None, made)
        _spend_on(made)
        return made

    return paid


def _of_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter for values without parts alone: of a list it would make a text."""

    @wraps(function)
    def checked(*values: Any, **named: Any) -> Any:
        for value in values:
            if not isinstance(value, Environment):
                _single(value)
        return function(*values, **named)

    return checked


class _Meter(NodeTransformer):
    """Has everything paid that a parsed text does. Raises TemplateSyntaxError for what texts may not do."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """The node with meters in it and in all below it."""
        if problem := _problem(node):
            raise TemplateSyntaxError(problem, node.lineno)
        self.generic_visit(node, *args, **kwargs)
        match node:
            case nodes.For():
                node.iter = _filter(node.iter, "(turns)")
            case nodes.TemplateData():  # what stands outside of braces is paid each time that it is put out
                return _filter(node, "(data)")
            case nodes.Compare():
                node.expr = _filter(node.expr, "(weighed)")
                for operand in node.ops:
                    operand.expr = _filter(operand.expr, "(weighed)")
            case nodes.Getitem(arg=nodes.Slice()) | nodes.Test():
                node.node = _filter(node.node, "(weighed)")
            case nodes.Concat():
                return _filter(nodes.List(node.nodes, lineno=node.lineno), "join")
            case nodes.List() | nodes.Tuple(ctx="load"):
                return _filter(nodes.List(node.items, lineno=node.lineno), "(elements)")
        return node


def _problem(node: nodes.Node) -> str | None:
    match node:
        case nodes.Name(name="varargs" | "kwargs" | "caller", ctx="load"):
            return f"{node.name} is not supported; name the arguments of the macro"
        case nodes.Import() | nodes.FromImport() if not isinstance(node.template, nodes.Const):
            return "the name of what is imported must be written out"
        case nodes.For(recursive=True):
            return "recursive loops are not supported"
    return _REFUSED.get(type(node))


def _filter(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles texts; `library` is all that they may import, by name."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, library: Mapping[str, str], *, escaping: bool = False) -> None:
        """`escaping`: values are escaped for HTML as they are put out."""
        super().__init__(
            undefined=StrictUndefined,
            loader=FunctionLoader(lambda name: (library[name], name, lambda: True) if name in library else None),
            autoescape=escaping,
            finalize=_said,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters = {name: _metered(FILTERS[name]) for name in _OF_LISTS}
        self.filters |= {name: _of_single(_metered(FILTERS[name])) for name in _OF_TEXTS}
        self.filters |= {"default": _default, "join": _joined, "replace": _replaced, "round": _rounded}
        self.filters |= {
            "(turns)": pass_context(_turns),
            "(weighed)": pass_context(_weighed),
            "(elements)": pass_context(_elements),
        }
        self.filters |= {"(data)": pass_context(lambda _context, data: data)}
        self.globals = {"range": _range, "namespace": Namespace}

    def compile(self, source: str | nodes.Template, *args: Any, **kwargs: Any) -> Any:
        """Compile with meters in it; raises TemplateSyntaxError."""
        tree = self.parse(source) if isinstance(source, str) else source
        _Meter().visit(tree)
        tree.set_environment(self)
        return super().compile(tree, *args, **kwargs)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key before a method, so that a label may be called `items`; all but the listed methods does not exist."""
        _present(obj)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute) if _exists(obj, attribute) else self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The same in brackets."""
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, methods and the two functions; no class."""
        return (obj is Namespace or not isinstance(obj, type)) and super().is_safe_callable(obj)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what was named; it costs what it makes."""
        _spend_on(getattr(obj, "__self__", None))
        made = super().call(context, obj, *args, **kwargs)
        _spend_on(made)
        return made

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers, and `+` of two texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            _spend_on_text(len(left) + len(right))
            return left + right
        for value in (left, right):
            if not isinstance(_single(value), int | float) or abs(value) > _LARGEST or operator == "**":
                raise SecurityError(f"{operator} works on numbers up to {_LARGEST:.0e} only; texts are joined by ~")
        return super().call_binop(context, operator, left, right)


def _exists(obj: object, attribute: str) -> bool:
    if attribute.startswith("_"):
        return False
    for kind, names in _METHODS.items():
        if isinstance(obj, kind):
            return attribute in names
    return not isinstance(obj, list | tuple | int | float | Macro | type)
