"""A YAML or JSON text as plain values with the line of every field, and nothing YAML does behind one's back.

JSON is read as YAML. Of YAML's surprises only plain scalars are left: a key may stand once, anchors, aliases and tags are
refused, and a date is the text that was written. (The loader is PyYAML's own in Python: libyaml's composer overflows the C
stack on deep nesting.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml

from driftline.governance.errors import DefinitionRefused, Problem

MAX_CHARACTERS = 256 * 1024

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """Values of a document, and the line (from 1) of every path such as `thresholds.feature.psi` or `granularities[0]`."""

    values: dict[str, Plain]
    lines: Mapping[str, int]


def read_document(text: str) -> Document:
    """Parse a mapping; raises DefinitionRefused for anything else, naming the line."""
    if len(text) > MAX_CHARACTERS:
        raise DefinitionRefused([Problem("", f"the document has {len(text)} characters; at most {MAX_CHARACTERS} are read")])
    try:
        node = yaml.compose(text.replace("\t", "  ") if text.lstrip().startswith("{") else text, Loader=yaml.SafeLoader)
        reader = _Reader()
        values = reader.value(node, "") if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        detail = f"this is neither YAML nor JSON: {error.problem or error.context}"
        raise DefinitionRefused([Problem("", detail, line)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DefinitionRefused([Problem("", f"this is neither YAML nor JSON: {type(error).__name__}")]) from error
    if not isinstance(values, dict):
        detail = 'a definition is a mapping of keys to values, such as "model: shop.churn"'
        raise DefinitionRefused([*reader.problems, Problem("", detail, 1)])
    if reader.problems:
        raise DefinitionRefused(reader.problems)
    return Document(values, reader.lines)


class _Reader:
    """Turns nodes into plain values, remembering lines and faults."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: str) -> Plain:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if id(node) in self._seen:
            self.problems.append(Problem(path, "anchors and aliases are not read here; write the value out", line))
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        return self._scalar(node, path, line)

    def _mapping(self, node: yaml.MappingNode, path: str) -> Plain:
        values: dict[str, Plain] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            name = _joined(key.value) if isinstance(key, yaml.ScalarNode) else None
            below = f"{path}.{name}" if path else str(name)
            if name is None:
                self.problems.append(Problem(path, "a key must be a word", line))
            elif name in values:
                self.problems.append(Problem(below, f"stands twice, first on line {self.lines[below]}; keep one", line))
            else:
                self.lines[below] = line
                values[name] = self.value(item, below)
        return values

    def _scalar(self, node: yaml.Node, path: str, line: int) -> Plain:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        convert = _SCALARS.get(kind)
        if convert is None:
            self.problems.append(Problem(path, f"the tag {node.tag} is not read here; write a plain value", line))
            return None
        try:
            return convert(text)
        except ValueError:
            detail = f"{text!r} is no number or text that is read here; write numbers in decimal, or quote it as text"
            self.problems.append(Problem(path, detail, line))
            return None


def _text(text: str) -> str:
    joined = _joined(text)
    if joined is None:
        raise ValueError(text)
    return joined


def _joined(text: str) -> str | None:
    """Text whose surrogate pairs (JSON's way of escaping) are single characters; None if one stands alone."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(text)
    return int(text.replace("_", ""), 10)


_LONGEST_NUMBER = 40

_SCALARS: Mapping[str, Callable[[str], Plain]] = {
    "str": _text,
    "timestamp": _text,
    "null": lambda _: None,
    "bool": lambda text: text.lower() in {"true", "yes", "on"},
    "int": _int,
    "float": _float,
}
