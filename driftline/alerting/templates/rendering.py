"""Texts compiled and rendered. Importing it loads Jinja2."""

import traceback
from collections.abc import Iterator, Mapping

from jinja2 import Template, TemplateNotFound, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError

from driftline.alerting.channels.message import OwnWords
from driftline.alerting.channels.texts import clean, one_line
from driftline.alerting.templates.context import NAMES, Context
from driftline.alerting.templates.own_texts import PARTS, OwnTexts, Part, TextFault
from driftline.alerting.templates.sandbox import Sandbox, budget

LONGEST_SOURCE = 20_000
LONGEST = 10_000
"""Characters that a text renders to; no channel shows as many. What is beyond is neither kept nor worked for."""


class Texts:
    """The texts of one channel, ready to render; from any thread."""

    def __init__(self, texts: OwnTexts) -> None:
        """Raises TextFault for the first that cannot be parsed."""
        self.fields = tuple(texts.sources)
        self._texts = {field: _Text(source, texts.library, PARTS[field]) for field, source in texts.sources.items()}

    def render(self, field: str, context: Context) -> str:
        """What a field says. Raises TextFault."""
        return self._texts[field].render(context)

    def words(self, context: Context) -> tuple[OwnWords, Mapping[str, TextFault]]:
        """What all of them say, and what is wrong by field: there, as where a text says nothing, our own words stand."""
        said: dict[Part, str] = {}
        faults: dict[str, TextFault] = {}
        for field in self.fields:
            try:
                said[PARTS[field]] = self.render(field, context)
            except TextFault as fault:
                faults[field] = fault
        return OwnWords(**{part.value: text for part, text in said.items() if text}), faults


class _Text:
    def __init__(self, source: str, library: Mapping[str, str], part: Part) -> None:
        self._part = part
        self._library = library
        self._template = _compiled(source, library, escaping=part is Part.HTML)

    def render(self, context: Context) -> str:
        try:
            with budget():
                text = _first(self._template.generate(context))
        except Exception as error:  # whatever a text makes of its values
            raise _fault(error, self._library) from error
        if len(text) > LONGEST and self._part is Part.HTML:  # half a page may end in a tag
            raise TextFault(f"makes more than {LONGEST} characters of HTML")
        return one_line(text[:LONGEST]) if self._part is Part.TITLE else clean(text[:LONGEST]).strip()


def _compiled(source: str, library: Mapping[str, str], *, escaping: bool = False) -> Template:
    sandbox = Sandbox(library, escaping=escaping)
    if len(source) > LONGEST_SOURCE:
        raise TextFault(f"is longer than {LONGEST_SOURCE} characters")
    try:
        with budget():
            template = sandbox.from_string(source)
            _check_names(sandbox.parse(source), library, frozenset(sandbox.globals))
            return template
    except Exception as error:  # whatever a text makes of the parser and of constants
        raise _fault(error, library) from error


def _check_names(tree: nodes.Template, library: Mapping[str, str], functions: frozenset[str]) -> None:
    """Imports of what is not there and names that nothing has, in branches too that no trial comes through."""
    for name in meta.find_referenced_templates(tree):
        if name is not None and name not in library:
            raise TemplateNotFound(name)
    if unknown := meta.find_undeclared_variables(tree) - functions - NAMES:
        lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name in unknown]
        raise TextFault(f"{', '.join(sorted(unknown))} is unknown; known are {', '.join(sorted(NAMES))}", line=min(lines))


def check_library(library: Mapping[str, str]) -> list[TextFault]:
    """What is wrong with the files by themselves."""
    faults = []
    for name, source in library.items():
        try:
            _compiled(source, library)
        except TextFault as fault:
            faults.append(TextFault(fault.problem, line=fault.line, file=fault.file or name))
    return faults


def _first(pieces: Iterator[str]) -> str:
    """As much as is kept of what a text renders to, piece by piece."""
    kept: list[str] = []
    length = 0
    for piece in pieces:
        kept.append(piece)
        length += len(piece)
        if length > LONGEST:
            break
    return "".join(kept)


def _fault(error: Exception, library: Mapping[str, str]) -> TextFault:
    if isinstance(error, TextFault):
        return error
    line, file = _where(error, library)
    match error:
        case TemplateNotFound():
            known = ", ".join(sorted(library)) or "there are none"
            problem = f"imports {error.message}, which is none of the templates: {known}"
        case TemplateSyntaxError():
            problem = f"is not understood: {error.message}"
        case UndefinedError() | SecurityError():
            problem = str(error.message).replace("'dict object' has no attribute ", "there is no ")
        case RecursionError():
            problem = "calls itself without end"
        case _:
            problem = f"{type(error).__name__}: {error}"
    return TextFault(problem, line=line, file=file)


def _where(error: Exception, library: Mapping[str, str]) -> tuple[int, str | None]:
    """Line in the text, or in a file of the library."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno, error.filename if error.filename in library else None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == "<template>" or frame.filename in library:
            return frame.lineno or 1, frame.filename if frame.filename in library else None
    return 1, None
