r"""Regular expressions as Go and Alertmanager read them (RE2), turned into Python's.

The whole text must match. What RE2 refuses (look-around, back-references, possessive and nested repetition) is refused here,
and where the two differ (`\d` is ASCII, `.` stops at newlines, `$` is the very end, flags last to the end of their group) RE2's
meaning holds. Scripts such as `\p{Greek}` are refused; general categories such as `\pL` work. Source: RE2's syntax page.
"""

import re
import sys
import unicodedata
from functools import lru_cache

_MAX_REPEAT = 1000
_REPEAT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_FLAGS = re.compile(r"\?([imsU]*)(-[imsU]+)?([:)])")
_NAME = re.compile(r"\?P?<([A-Za-z0-9_]+)>")
_SETS = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SIGNS = {".": (r"[^\n]", "s", r"[\s\S]"), "^": (r"\A", "m", "(?m:^)"), "$": (r"\Z", "m", "(?m:$)")}
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}


def compile_whole(pattern: str) -> re.Pattern[str]:
    """The pattern, to be used with `fullmatch`. Raises ValueError that says what is wrong with it."""
    try:
        return re.compile(_Translation(pattern).run())
    except re.error as error:
        message = f"{pattern!r} is no regular expression: {error}"
        raise ValueError(message) from error
    except RecursionError as error:
        message = f"{pattern[:40]!r}... is nested too deeply"
        raise ValueError(message) from error


@lru_cache(maxsize=64)
def _category(name: str) -> str:
    """The characters of a general category (`L`, `Lu`) as the inside of a Python set."""
    ranges: list[str] = []
    start = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(name)
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges)


class _Translation:
    """One pass over a pattern; `flags` are those in force."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags = frozenset[str]()
        self._names = set[str]()

    def run(self) -> str:
        out = self._alternatives()
        if self._at < len(self._pattern):
            raise self._wrong("has a ) without its (")
        return out

    def _wrong(self, problem: str) -> ValueError:
        return ValueError(f"{self._pattern!r} {problem}")

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        taken = self._next()
        if not taken:
            raise self._wrong("ends with a \\")
        self._at += 1
        return taken

    def _alternatives(self) -> str:
        branches = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            branches.append(self._sequence())
        return "|".join(branches)

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._next() not in ("", "|", ")"):
            atom = self._atom()
            parts.append(self._repeated(atom) if atom is not None else "")
        return "".join(parts)

    def _repeated(self, atom: str) -> str:
        repeat = self._repeat()
        if not repeat:
            return atom
        lazy = self._next() == "?"
        self._at += lazy
        if self._repeat():
            raise self._wrong("repeats a repetition; put it into (?:...)")
        return f"(?:{atom}){repeat}{'?' if lazy != ('U' in self._flags) else ''}"

    def _repeat(self) -> str:
        if self._next() and self._next() in "*+?":
            return self._take()
        found = _REPEAT.match(self._pattern, self._at)
        if found is None:
            return ""
        least, most = int(found[1]), int(found[3]) if found[3] else None
        if least > _MAX_REPEAT or (most is not None and (most > _MAX_REPEAT or most < least)):
            raise self._wrong(f"repeats {found[0]}, which is too often or the wrong way round; at most {_MAX_REPEAT}")
        self._at = found.end()
        return found[0]

    def _atom(self) -> str | None:
        """One thing that can be repeated; None for what only sets flags."""
        char = self._take()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._cased(self._set())
            case "." | "^" | "$":
                plain, flag, flagged = _SIGNS[char]
                return flagged if flag in self._flags else plain
            case "*" | "+" | "?":
                raise self._wrong(f"repeats nothing at {char}")
            case "\\":
                return self._escape()
        return self._cased(re.escape(char))

    def _group(self) -> str | None:
        outer = self._flags
        if self._next() == "?":
            if named := _NAME.match(self._pattern, self._at):
                if named[1] in self._names:
                    raise self._wrong(f"names two groups {named[1]}")
                self._names.add(named[1])
                self._at = named.end()
            elif self._set_flags() == ")":
                return None
        inner = self._alternatives()
        if self._next() != ")":
            raise self._wrong("has a ( without its )")
        self._at += 1
        self._flags = outer
        return f"(?:{inner})"

    def _set_flags(self) -> str:
        found = _FLAGS.match(self._pattern, self._at)
        if found is None or (found[3] == ")" and not found[1] and not found[2]):
            raise self._wrong("uses (?... in a way that RE2 does not know, such as look-around")
        self._flags = (self._flags | set(found[1])) - set(found[2] or "")
        self._at = found.end()
        return found[3]

    def _cased(self, atom: str) -> str:
        return f"(?i:{atom})" if "i" in self._flags else atom

    def _escape(self) -> str:
        char = self._take()
        if char == "A":
            return r"\A"
        if char == "z":
            return r"\Z"
        if char in "bB":
            return f"(?a:\\{char})"
        if char == "Q":
            end = self._pattern.find("\\E", self._at)
            if end < 0:  # with the anchors that are put around it, Go's never ends either
                raise self._wrong("has a \\Q without its \\E")
            quoted, self._at = self._pattern[self._at : end], end + 2
            return f"(?:{self._cased(re.escape(quoted))})" if quoted else "(?:)"
        inside, negated = self._class_escape(char)
        if inside is not None:
            return self._cased(f"[{'^' if negated else ''}{inside}]")
        return self._cased(re.escape(chr(self._character(char))))

    def _class_escape(self, char: str) -> tuple[str | None, bool]:
        r"""Inside of a set for `\d`, `\pL` and such, and whether it is negated; None where it is a single character."""
        if char.lower() in _SETS:
            return _SETS[char.lower()], char.isupper()
        if char not in "pP":
            return None, False
        name = self._take()
        if name == "{":
            end = self._pattern.find("}", self._at)
            if end < 0:
                raise self._wrong("has a \\p{ without its }")
            name, self._at = self._pattern[self._at : end], end + 1
        negated = (char == "P") != name.startswith("^")
        name = name.removeprefix("^")
        if name == "Any":
            return r"\U00000000-\U0010ffff", negated
        if not (inside := _category(name)) or not name.isascii():
            raise self._wrong(f"uses \\p{{{name}}}; only general categories such as \\pL or \\p{{Lu}} are supported")
        return inside, negated

    def _character(self, char: str) -> int:
        """The code point of an escape whose letter was taken."""
        if char in _CONTROL:
            return _CONTROL[char]
        if char == "x":
            braced = re.compile(r"\{([0-9A-Fa-f]{1,8})\}").match(self._pattern, self._at)
            found = braced or re.compile(r"([0-9A-Fa-f]{2})").match(self._pattern, self._at)
            if found is None or int(found[1], 16) > sys.maxunicode:
                raise self._wrong("has a \\x without its digits")
            self._at = found.end()
            return int(found[1], 16)
        if char in "01234567":
            octal = re.compile(r"[0-7]{1,2}" if char == "0" else r"[0-7]{2}").match(self._pattern, self._at)
            if octal is None and char != "0":
                raise self._wrong(f"uses \\{char}; RE2 has no back-references")
            digits = "" if octal is None else octal[0]
            self._at += len(digits)
            return int(char + digits, 8)
        if char.isascii() and not char.isalnum():
            return ord(char)
        raise self._wrong(f"uses \\{char}, which RE2 does not know")

    def _set(self) -> str:
        negated = self._next() == "^"
        self._at += negated
        parts: list[str] = []
        first = True
        while first or self._next() != "]":
            if not self._next():
                raise self._wrong("has a [ without its ]")
            parts.append(self._set_item(first=first))
            first = False
        self._at += 1
        # A negated class inside a set cannot be written in Python's set syntax: alternatives can.
        plain = "".join(part for part in parts if not part.startswith("(?:"))
        choices = ([f"[{plain}]"] if plain else []) + [part for part in parts if part.startswith("(?:")]
        either = "|".join(choices)
        return f"(?:(?!{either})[\\s\\S])" if negated else f"(?:{either})"

    def _set_item(self, *, first: bool) -> str:
        posix = re.compile(r"\[:(\^?)(\w+):\]").match(self._pattern, self._at)
        if posix is not None:
            if posix[2] not in _POSIX:
                raise self._wrong(f"uses {posix[0]}, which is no class")
            self._at = posix.end()
            return f"(?:[^{_POSIX[posix[2]]}])" if posix[1] else _POSIX[posix[2]]
        if self._next() == "-" and not first and self._pattern[self._at + 1 : self._at + 2] != "]":
            raise self._wrong("has a - in [...] that is no range; put it first or last")
        if self._next() == "\\":
            inside, negated = self._peek_class()
            if inside is not None:
                return f"(?:[^{inside}])" if negated else inside
        low = self._set_character()
        if self._next() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return f"\\U{low:08x}"
        self._at += 1
        high = self._set_character()
        if high < low:
            raise self._wrong("has a range in [...] the wrong way round")
        return f"\\U{low:08x}-\\U{high:08x}"

    def _peek_class(self) -> tuple[str | None, bool]:
        start = self._at
        self._at += 1
        inside, negated = self._class_escape(self._take())
        if inside is None:
            self._at = start
        return inside, negated

    def _set_character(self) -> int:
        char = self._take()
        return ord(char) if char != "\\" else self._character(self._take())
