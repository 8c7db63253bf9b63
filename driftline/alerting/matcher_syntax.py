r"""Matchers as text, in Alertmanager's two syntaxes.

The classic one: `name="value"` with names of ASCII letters, digits, `_` and `:`; the value may go without quotes and be empty.
The UTF-8 one (since 0.27): any name and value, in quotes with Go's escapes where they hold white space or one of ``{}!=~,\"'` ``.
Both take several matchers with commas between them, optionally in braces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from driftline.alerting.matchers import Matcher, Operator, is_reserved, is_space

_SPACE = r"[\t\n\f\r ]*"
_CLASSIC = re.compile(rf"{_SPACE}([a-zA-Z_:][a-zA-Z0-9_:]*){_SPACE}(=~|=|!=|!~){_SPACE}(.*?){_SPACE}", re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:(?P<simple>[abfnrtv\\\"])|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})"
    rb"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<wrong>.|$))",
    re.DOTALL,
)
_SIMPLE = dict(zip(b'abfnrtv\\"', b'\a\b\f\n\r\t\v\\"', strict=True))
_OPERATOR = re.compile(r"!=|!~|=~|=")


class Syntax(StrEnum):
    """Which matchers are understood, as Alertmanager's feature flags choose it."""

    FALLBACK = "fallback"
    """Both; where they disagree the classic one holds."""
    CLASSIC = "classic-mode"
    UTF8 = "utf8-strict-mode"


def parse_matchers(text: str, syntax: Syntax = Syntax.FALLBACK) -> tuple[Matcher, ...]:
    """The matchers in a text, in its order; none for an empty one. Raises ValueError that says what is wrong."""
    if syntax is Syntax.CLASSIC:
        return parse_classic(text)
    if syntax is Syntax.UTF8:
        return parse_utf8(text)
    try:
        classic = parse_classic(text)
    except ValueError as error:
        try:
            return parse_utf8(text)
        except ValueError:
            raise error from None
    return classic


def disagreement(text: str) -> str | None:
    """A warning where a text that the fallback accepts means something else, or nothing, in the UTF-8 syntax."""
    try:
        classic = parse_classic(text)
    except ValueError:
        return None
    better = "{" + ",".join(map(str, classic)) + "}"
    try:
        modern = parse_utf8(text)
    except ValueError:
        return f"{text!r} is understood in the classic syntax only; write {better}"
    return None if modern == classic else f"{text!r} is read in the classic syntax; to be clear write {better}"


def parse_classic(text: str) -> tuple[Matcher, ...]:
    """Matchers of the classic syntax. Raises ValueError."""
    return tuple(_classic(token) for token in _classic_tokens(text.removeprefix("{").removesuffix("}")))


def _classic_tokens(text: str) -> Iterator[str]:
    token: list[str] = []
    quoted = escaped = False
    for char in text:
        if char == "," and not quoted:
            yield "".join(token)
            token = []
            continue
        if char == '"':
            quoted, escaped = (quoted, False) if escaped else (not quoted, False)
        elif char != ",":  # a comma in quotes leaves a pending escape as it is
            escaped = char == "\\" and not escaped
        token.append(char)
    if rest := "".join(token).strip():
        yield rest


def _classic(token: str) -> Matcher:
    match = _CLASSIC.fullmatch(token)
    if match is None:
        message = f'{token!r} is no matcher; write name="value", with one of the operators = != =~ !~'
        raise ValueError(message)
    name, operator, raw = match.groups()
    return Matcher(name, Operator(operator), _classic_value(raw))


def _classic_value(raw: str) -> str:
    opened = raw.startswith('"')
    body = raw[1:] if opened else raw
    value: list[str] = []
    at = 0
    while at < len(body):
        char, following = body[at], body[at + 1 : at + 2]
        if char == "\\" and following:
            value.append({"n": "\n", '"': '"', "\\": "\\"}.get(following, char + following))
            at += 1
        elif char == '"':
            if not opened or at < len(body) - 1:
                raise _unescaped_quote(raw)
            return "".join(value)
        else:
            value.append(char)
        at += 1
    if opened:
        raise _unescaped_quote(raw)
    return "".join(value)


def _unescaped_quote(raw: str) -> ValueError:
    return ValueError(f'the value {raw} has a " too few or too many; write \\" for one inside')


def parse_utf8(text: str) -> tuple[Matcher, ...]:
    """Matchers of the UTF-8 syntax. Raises ValueError."""
    tokens = list(_tokens(text))
    opened = bool(tokens) and tokens[0].kind == "{"
    if opened != (len(tokens) > opened and tokens[-1].kind == "}"):
        raise ValueError(f"{text!r}: the braces do not match" if tokens else f"{text!r} is no matcher")
    inner = tokens[1:-1] if opened else tokens
    found: list[Matcher] = []
    for start in range(0, len(inner), 4):
        part = inner[start : start + 4]
        kinds = [token.kind for token in part]
        if kinds[:3] != ["text", "operator", "text"] or kinds[3:] not in ([], [","]):
            message = f'{text!r}: {" ".join(token.text for token in part)!r} is no matcher; write name="value"'
            raise ValueError(message)
        found.append(Matcher(part[0].value(), Operator(part[1].text), part[2].value()))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`text`, `operator`, or the sign itself."""
    text: str

    def value(self) -> str:
        return _unquoted(self.text) if self.text.startswith('"') else self.text


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        char = text[at]
        if is_space(char):
            at += 1
            continue
        if char in "{},":
            token = _Token(char, char)
        elif char in "=!":
            operator = _OPERATOR.match(text, at)
            if operator is None:
                raise ValueError(f"{text!r}: a ! is followed by = or ~")
            token = _Token("operator", operator[0])
        elif char == '"':
            token = _Token("text", text[at : _end_of_quoted(text, at)])
        elif not is_reserved(char):
            token = _Token("text", text[at : _end_of_bare(text, at)])
        else:
            raise ValueError(f"{text!r}: {char} must stand in double quotes")
        yield token
        at += len(token.text)


def _end_of_bare(text: str, at: int) -> int:
    while at < len(text) and not is_reserved(text[at]):
        at += 1
    return at


def _end_of_quoted(text: str, at: int) -> int:
    """Behind the quote that closes what opens at `at`."""
    escaped = False
    for end in range(at + 1, len(text)):
        if text[end] == '"' and not escaped:
            return end + 1
        escaped = text[end] == "\\" and not escaped
    raise ValueError(f'{text!r}: a " is not closed')


def _unquoted(text: str) -> str:
    """What Go's strconv.Unquote makes of a text in double quotes."""
    body = text[1:-1]
    if "\n" in body:
        raise ValueError(f"{text!r}: write \\n for a new line")
    try:
        return _ESCAPE.sub(_replacement, body.encode()).decode()
    except (UnicodeError, OverflowError, ValueError) as error:
        message = f"{text} has an escape that is not known, or is no UTF-8"
        raise ValueError(message) from error


def _replacement(match: re.Match[bytes]) -> bytes:
    if match["simple"]:
        return bytes([_SIMPLE[match["simple"][0]]])
    if match["hex"]:
        return bytes([int(match["hex"], 16)])
    if match["octal"]:
        return bytes([int(match["octal"], 8)])
    code = match["short"] or match["long"]
    if not code:
        raise ValueError("unknown escape")
    return chr(int(code, 16)).encode()
