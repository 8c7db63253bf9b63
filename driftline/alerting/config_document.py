"""The YAML of alerting as fields that know their path and line, and collect every fault on the way.

Every scalar is the text it was written as (`09:00` is no number). A fault does not end the reading: the field then counts as absent.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml

from driftline.alerting.errors import Fault

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})
_MAX_DEPTH = 200

T = TypeVar("T")


@dataclass
class Findings:
    """What a reading found besides values."""

    source: str
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Field:
    """A place in the document."""

    node: yaml.Node | None
    """None for an empty document."""
    path: str
    findings: Findings
    depth: int = 0

    @property
    def line(self) -> int:
        """Where it stands, counted from 1."""
        return 1 if self.node is None else self.node.start_mark.line + 1

    @property
    def absent(self) -> bool:
        """Whether nothing is written here."""
        node = self.node
        return node is None or (isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULLS)

    def fault(self, problem: str) -> None:
        """Note that this field is wrong."""
        self.findings.faults.append(Fault(self.path or "file", problem, self.line, self.findings.source))

    def warn(self, problem: str) -> None:
        """Note that this field should be written in another way."""
        self.findings.warnings.append(str(Fault(self.path or "file", problem, self.line, self.findings.source)))

    def mapping(self, known: Collection[str] | None = None, remedy: Mapping[str, str] | None = None) -> dict[str, "Field"]:
        """What is written here by name, nulls left out; names that are not known are faults, with their remedy where there is one.

        What is known and has a remedy is not named as supported: only some forms of it are no fault.
        """
        if self.absent or not self._shallow():
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            self.fault("must be a mapping of names to values")
            return {}
        found: dict[str, Field] = {}
        for key, value in self._pairs(self.node):
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            child = Field(value, self._under(name), self.findings, self.depth + 1)
            here = Field(key, child.path, self.findings)
            if name in found:
                here.fault(f"stands twice, before in line {found[name].line}; keep one")
            elif known is not None and name not in known:
                supported = sorted(set(known) - (remedy or {}).keys())
                here.fault((remedy or {}).get(name, f"is not supported; supported are {', '.join(supported)}"))
            else:
                found[name] = child
        return {name: child for name, child in found.items() if not child.absent}

    def items(self) -> list["Field"]:
        """The elements of a list."""
        if self.absent or not self._shallow():
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.fault("must be a list")
            return []
        return [
            Field(node, f"{self.path}[{number}]", self.findings, self.depth + 1) for number, node in enumerate(self.node.value)
        ]

    def text(self, *, empty: bool = False) -> str | None:
        """The text here."""
        node = self.node
        if not isinstance(node, yaml.ScalarNode) or (self.absent and not empty) or (not node.value and not empty):
            self.fault("is empty; write a text" if self.absent or isinstance(node, yaml.ScalarNode) else "must be a text")
            return None
        return str(node.value)

    def boolean(self) -> bool | None:
        """Whether true is written here."""
        text = self.text()
        if text is not None and text not in _TRUE | _FALSE:
            self.fault("must be true or false")
            return None
        return None if text is None else text in _TRUE

    def read(self, parse: Callable[[str], T]) -> T | None:
        """What a function makes of the text; its ValueError is the fault."""
        text = self.text()
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.fault(str(error))
            return None

    def texts(self) -> list[str]:
        """The texts of a list."""
        return [text for item in self.items() if (text := item.text()) is not None]

    def plain(self) -> Any:
        """Texts, lists and mappings as written."""
        if isinstance(self.node, yaml.MappingNode):
            return {name: value.plain() for name, value in self.mapping().items()}
        if isinstance(self.node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        return self.text(empty=True) or ""

    def _under(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _shallow(self) -> bool:
        if self.depth > _MAX_DEPTH:
            self.fault("is nested too deeply")
        return self.depth <= _MAX_DEPTH

    def _pairs(self, node: yaml.MappingNode, depth: int = 0) -> Sequence[tuple[yaml.Node, yaml.Node]]:
        """Names and values, with what `<<` brings in where it is not written itself."""
        own, merged = [], list[tuple[yaml.Node, yaml.Node]]()
        for key, value in node.value:
            if key.value != "<<" or getattr(key, "style", None) is not None:
                own.append((key, value))
                continue
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(part, yaml.MappingNode) and depth < _MAX_DEPTH:
                    merged += self._pairs(part, depth + 1)
                else:
                    Field(key, self._under("<<"), self.findings).fault("can only bring in a mapping; name an anchor of one")
        seen = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
        for key, value in merged:
            if isinstance(key, yaml.ScalarNode) and key.value not in seen:
                seen.add(key.value)
                own.append((key, value))
        return own


def open_document(text: str, source: str) -> Field:
    """The document's top; what is no YAML is a fault of it."""
    findings = Findings(source)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        findings.faults.append(Fault("file", f"is no YAML: {error.problem or error.context}", line, source))
        node = None
    except (yaml.YAMLError, RecursionError) as error:
        findings.faults.append(Fault("file", f"is no YAML: {error}", 1, source))
        node = None
    return Field(node, "", findings)
