"""What each operation does to vectors. NULL in, NULL out, but where SQL says otherwise.

Numbers are float64 with NaN for NULL. What has no value (x / 0, the root or logarithm of too small a number) is NULL;
what is too large is infinite, as in every SQL engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from driftline.avro.layout import hash_texts
from driftline.drift.sqlmetrics.vectors import Flags, Numbers, Texts, Truths

__all__ = ["OPERATIONS", "SPELLED"]

Operation = Callable[..., Any]
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\s*")


def _known(*each: Numbers) -> Callable[[], Flags]:
    def known() -> Flags:
        return reduce(np.logical_and, [~np.isnan(one) for one in each])

    return known


def _not_zero(b: Numbers) -> Numbers:
    return np.where(b == 0, np.nan, b)


def _divide(a: Numbers, b: Numbers) -> Numbers:
    return np.divide(a, _not_zero(b))


def _modulo(a: Numbers, b: Numbers) -> Numbers:
    return np.fmod(a, _not_zero(b))


def _root(a: Numbers) -> Numbers:
    return np.sqrt(a)


def _logarithm(a: Numbers) -> Numbers:
    return np.log(np.where(a > 0, a, np.nan))


def _logarithm10(a: Numbers) -> Numbers:
    return np.log10(np.where(a > 0, a, np.nan))


def _power(a: Numbers, b: Numbers) -> Numbers:
    """NULL wins (numpy has 1 ** NaN = 1 and NaN ** 0 = 1), and 0 to a negative power has no value."""
    nothing = np.isnan(a) | np.isnan(b) | ((a == 0) & (b < 0))
    return np.where(nothing, np.nan, np.power(a, b))


def _round(a: Numbers, digits: int) -> Numbers:
    """Half away from zero, as SQL does; numpy would round half to even."""
    scale = 10.0 ** abs(digits)
    scaled = a * scale if digits >= 0 else a / scale
    whole = np.trunc(scaled)
    whole = whole + np.where(np.abs(scaled - whole) >= 0.5, np.sign(scaled), 0.0)
    rounded = whole / scale if digits >= 0 else whole * scale
    return np.where(np.isfinite(scaled), rounded, a)


def _choose_numbers(*args: Any) -> Numbers:
    """CASE: condition, value, condition, value, ..., otherwise."""
    out = args[-1]
    for i in range(len(args) - 3, -1, -2):
        out = np.where(args[i].true, args[i + 1], out)
    return out  # type: ignore[no-any-return]


def _choose_texts(*args: Any) -> Texts:
    out: Texts = args[-1]
    for i in range(len(args) - 3, -1, -2):
        chosen, value = args[i].true, args[i + 1]
        out = _either(chosen, value, out)
    return out


def _either(chosen: Flags, one: Texts, other: Texts) -> Texts:
    known = None if one.known is None and other.known is None else np.where(chosen, one.flags, other.flags)
    return Texts(np.where(chosen, one.hashes, other.hashes), known, lambda: {**one.words(), **other.words()})


def _choose_truths(*args: Any) -> Truths:
    true, known = args[-1].true, args[-1].known
    for i in range(len(args) - 3, -1, -2):
        chosen, value = args[i].true, args[i + 1]
        true, known = np.where(chosen, value.true, true), np.where(chosen, value.known, known)
    return Truths(true, lambda: known)


def _coalesce_numbers(*args: Numbers) -> Numbers:
    return reduce(lambda later, earlier: np.where(np.isnan(earlier), later, earlier), args[::-1])


def _coalesce_texts(*args: Texts) -> Texts:
    return reduce(lambda later, earlier: _either(earlier.flags, earlier, later), args[::-1])


def _null_if_numbers(a: Numbers, b: Numbers) -> Numbers:
    return np.where(a == b, np.nan, a)


def _null_if_texts(a: Texts, b: Texts) -> Texts:
    return Texts(a.hashes, a.flags & ~_same_texts(a, b).true, a.words)


def _and(a: Truths, b: Truths) -> Truths:
    if a.certain and b.certain:
        return Truths(a.true & b.true)
    return Truths(a.true & b.true, lambda: (a.known & b.known) | a.false | b.false)


def _or(a: Truths, b: Truths) -> Truths:
    true = a.true | b.true
    if a.certain and b.certain:
        return Truths(true)
    return Truths(true, lambda: (a.known & b.known) | true)


def _not(a: Truths) -> Truths:
    return Truths(a.false) if a.certain else Truths(a.false, lambda: a.known)


def _compare(ufunc: Callable[[Any, Any], Any]) -> Operation:
    def compare(a: Numbers, b: Numbers) -> Truths:
        return Truths(ufunc(a, b), _known(a, b))

    return compare


def _different(a: Numbers, b: Numbers) -> Truths:
    return Truths((a < b) | (a > b), _known(a, b))  # a != b would be true of NULL


def _between(a: Numbers, low: Numbers, high: Numbers) -> Truths:
    return _and(_compare(np.greater_equal)(a, low), _compare(np.less_equal)(a, high))


def _both_known(a: Texts, b: Texts) -> Callable[[], Flags] | None:
    return None if a.known is None and b.known is None else lambda: a.flags & b.flags


def _same_texts(a: Texts, b: Texts) -> Truths:
    equal = a.hashes == b.hashes
    for side in (a, b):
        if side.known is not None:
            equal = equal & side.known
    return Truths(equal, _both_known(a, b))


def _different_texts(a: Texts, b: Texts) -> Truths:
    return _not(_same_texts(a, b))


def _same_truths(a: Truths, b: Truths) -> Truths:
    true = (a.true & b.true) | (a.false & b.false)
    return Truths(true, None if a.certain and b.certain else lambda: a.known & b.known)


def _order_texts(ufunc: Callable[[Any, Any], Any]) -> Operation:
    """By code points, as every engine compares without a collation."""

    def order(a: Texts, b: Texts) -> Truths:
        places = {word: place for place, word in enumerate(sorted({*a.words().values(), *b.words().values()}))}

        def rank(side: Texts) -> Any:
            return by_word(side, places.__getitem__, np.int64(-1))

        return Truths(ufunc(rank(a), rank(b)) & a.flags & b.flags, _both_known(a, b))

    return order


def by_word(side: Texts, meaning: Callable[[str], Any], null: Any) -> Any:
    """What each text means: `meaning` is asked once for each distinct text, `null` stands for NULL and has the dtype."""
    flat = np.atleast_1d(side.hashes)
    known = np.broadcast_to(np.atleast_1d(side.flags), flat.shape)
    out = np.full(flat.shape, null, null.dtype)
    rows = np.flatnonzero(known)
    distinct, inverse = np.unique(flat[rows], return_inverse=True)
    words = side.words() if len(distinct) else {}
    out[rows] = np.array([meaning(words[number]) for number in distinct.tolist()], null.dtype)[inverse.reshape(-1)]
    return out if np.ndim(side.hashes) else out[0]


def _map_text(change: Callable[[str], str]) -> Operation:
    def mapped(a: Texts) -> Texts:
        made: dict[int, str] = {}

        def meaning(word: str) -> int:
            new = change(word)
            number = int(hash_texts((new,))[0])
            made[number] = new
            return number

        return Texts(by_word(a, meaning, np.uint64(0)), a.known, lambda: made)

    return mapped


def _length(a: Texts) -> Numbers:
    return by_word(a, len, np.float64(np.nan))  # type: ignore[no-any-return]


def _to_number(a: Texts) -> Numbers:
    def meaning(word: str) -> float:
        value = float(word) if len(word) <= 64 and _NUMBER.fullmatch(word) else np.nan
        return value if np.isfinite(value) else np.nan

    return by_word(a, meaning, np.float64(np.nan))  # type: ignore[no-any-return]


def _to_whole(a: Numbers) -> Numbers:
    return np.trunc(np.where(np.abs(a) < 2.0**63, a, np.nan))


def _truth_to_number(a: Truths) -> Numbers:
    return np.where(a.true, 1.0, np.where(a.known, 0.0, np.nan))


def _like(a: Texts, pattern: str, ignore_case: bool) -> Truths:  # noqa: FBT001 - a parameter of the operation
    steps = _steps_of(pattern.lower() if ignore_case else pattern)

    def meaning(word: str) -> bool:
        return _matches(word.lower() if ignore_case else word, steps)

    true = by_word(a, meaning, np.bool_(False))
    return Truths(true, None if a.known is None else lambda: a.flags)


_MANY, _ONE = object(), object()


def _steps_of(pattern: str) -> list[object]:
    """Characters, `_` as one of any, `%` as any number of any; a backslash takes the next character as it is."""
    steps: list[object] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            steps.append(next(letters, letter))
        else:
            steps.append({"%": _MANY, "_": _ONE}.get(letter, letter))
    return steps


def _matches(word: str, steps: list[object]) -> bool:
    """Whether the whole word fits: at most len(word) * len(steps) comparisons, whatever the pattern.

    Only the last `%` is ever taken back, since an earlier one that can match at all can match as early as it did.
    """
    at = step = 0
    retry_step, retry_at = -1, 0
    while at < len(word):
        if step < len(steps) and steps[step] is _MANY:
            retry_step, retry_at = step, at
            step += 1
        elif step < len(steps) and (steps[step] is _ONE or steps[step] == word[at]):
            at, step = at + 1, step + 1
        elif retry_step >= 0:
            retry_at += 1
            at, step = retry_at, retry_step + 1
        else:
            return False
    return all(each is _MANY for each in steps[step:])


def _is_null(a: Any) -> Truths:
    if isinstance(a, Texts):
        return Truths(~a.flags)
    return Truths(~a.known) if isinstance(a, Truths) else Truths(np.isnan(a))


def _is_true(a: Truths) -> Truths:
    return Truths(a.true)


def _is_false(a: Truths) -> Truths:
    return Truths(a.false)


def _null_safe_numbers(a: Numbers, b: Numbers) -> Truths:
    return Truths((a == b) | (np.isnan(a) & np.isnan(b)))


def _null_safe_texts(a: Texts, b: Texts) -> Truths:
    return Truths(_same_texts(a, b).true | ~(a.flags | b.flags))


def _extreme(ufunc: Callable[[Any, Any], Any]) -> Operation:
    """GREATEST and LEAST pass over NULL, which fmax and fmin do with NaN."""

    def extreme(*args: Numbers) -> Numbers:
        return reduce(ufunc, args)

    return extreme


def _number(value: float) -> Numbers:
    return np.float64(value)


def _text(value: str) -> Texts:
    number = hash_texts((value,))[0]
    return Texts(number, None, lambda: {int(number): value})


def _truth(value: bool) -> Truths:  # noqa: FBT001 - the literal itself
    return Truths(np.bool_(value))


OPERATIONS: Mapping[str, Operation] = {
    "number": _number,
    "text": _text,
    "truth": _truth,
    "null number": lambda: np.float64(np.nan),
    "null text": lambda: Texts(np.uint64(0), np.False_),
    "null truth": lambda: Truths(np.False_, lambda: np.False_),
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divide,
    "%": _modulo,
    "div": lambda a, b: np.trunc(_divide(a, b)),
    "negate": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "sqrt": _root,
    "ln": _logarithm,
    "log10": _logarithm10,
    "exp": np.exp,
    "power": _power,
    "round": _round,
    "greatest": _extreme(np.fmax),
    "least": _extreme(np.fmin),
    "whole": _to_whole,
    "text to number": _to_number,
    "truth to number": _truth_to_number,
    "case number": _choose_numbers,
    "case text": _choose_texts,
    "case truth value": _choose_truths,
    "coalesce number": _coalesce_numbers,
    "coalesce text": _coalesce_texts,
    "nullif number": _null_if_numbers,
    "nullif text": _null_if_texts,
    "and": _and,
    "or": _or,
    "not": _not,
    "= number": _compare(np.equal),
    "<> number": _different,
    "< number": _compare(np.less),
    "<= number": _compare(np.less_equal),
    "> number": _compare(np.greater),
    ">= number": _compare(np.greater_equal),
    "between number": _between,
    "= text": _same_texts,
    "<> text": _different_texts,
    "< text": _order_texts(np.less),
    "<= text": _order_texts(np.less_equal),
    "> text": _order_texts(np.greater),
    ">= text": _order_texts(np.greater_equal),
    "= truth value": _same_truths,
    "<> truth value": lambda a, b: _not(_same_truths(a, b)),
    "<=> number": _null_safe_numbers,
    "<=> text": _null_safe_texts,
    "is null": _is_null,
    "is true": _is_true,
    "is false": _is_false,
    "like": _like,
    "lower": _map_text(str.lower),
    "upper": _map_text(str.upper),
    "length": _length,
}
"""By name as in `Step.operation`; `type` in a name is the type of the arguments."""

SPELLED = frozenset({"like", "lower", "upper", "length", "text to number", "< text", "<= text", "> text", ">= text"})
"""Operations that read the texts themselves; the others know them by their hash."""
