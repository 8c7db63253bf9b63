"""Matchers as text: `name="value"` or `name!="value"`, several with commas between them."""

import re

from driftline.alerting.routing import Matcher, Operator

_MATCHER = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",{}]*))\s*', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    r"""The matchers in a text, in its order. Raises ValueError naming the place.

    In quotes `\n`, `\"` and `\\` are escapes. Regular expressions (`=~`, `!~`) are refused.
    """
    found: list[Matcher] = []
    position = 0
    while position < len(text):
        match = _MATCHER.match(text, position)
        if match is None:
            message = f'{text!r}: {text[position:]!r} is no matcher; write name="value" or name!="value"'
            raise ValueError(message)
        name, operator, quoted, bare = match.groups()
        if operator in ("=~", "!~"):
            message = f"{text!r}: {operator} is not supported; use = or !="
            raise ValueError(message)
        found.append(Matcher(name, Operator(operator), bare if quoted is None else _unescaped(quoted)))
        position = match.end()
        if position < len(text):
            if text[position] != ",":
                message = f"{text!r}: a comma is expected at {text[position:]!r}"
                raise ValueError(message)
            position += 1
    if not found:
        message = 'a matcher is empty; write name="value"'
        raise ValueError(message)
    return tuple(found)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: {"n": "\n", '"': '"', "\\": "\\"}.get(match[1], match[0]), text)
