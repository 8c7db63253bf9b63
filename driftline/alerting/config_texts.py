"""Own texts of receivers, and the files of macros that they import: parsed and tried when the configuration is read."""

from collections.abc import Callable, Collection, Mapping

import yaml

from driftline.alerting.config_document import Field
from driftline.alerting.errors import Fault
from driftline.alerting.templates.go import in_jinja, is_go
from driftline.alerting.templates.own_texts import OwnTexts, TextFault
from driftline.errors import ConfigurationError

ReadTemplates = Callable[[str], Mapping[str, str]]
"""The files of a name or a glob, by their names without folders; ValueError says why there is none."""


def no_templates(pattern: str) -> Mapping[str, str]:
    """Where there is nothing to read from."""
    raise ValueError(f"{pattern} cannot be read here")


def read_library(field: Field | None, read: ReadTemplates) -> Mapping[str, str]:
    """The files under `templates`, by name; what is wrong with any of them is a fault with its own file and line."""
    library: dict[str, str] = {}
    for item in () if field is None else field.items():
        for name, source in (item.read(read) or {}).items():
            if name in library:
                item.fault(f"{name} is the name of an earlier file too, and texts import by it; rename one")
            elif is_go(source):
                item.fault(f"{name} is a template of Go, which is not supported; {in_jinja(source)}")
            library[name] = source
    if library and field is not None and not field.findings.faults:
        from driftline.alerting.templates.rendering import check_library

        _with_jinja()
        for fault in check_library(library):
            field.findings.faults.append(Fault(field.path, fault.problem, fault.line, fault.file or field.findings.source))
    return library


def read_texts(fields: Mapping[str, Field], library: Mapping[str, str]) -> OwnTexts | None:
    """The texts in these fields; None where there is none. One that cannot be rendered is a fault of its field."""
    sources: dict[str, str] = {}
    for name, field in fields.items():
        source = field.text()
        if source is None:
            continue
        if is_go(source):
            field.fault(f"is a template of Go, which is not supported; {in_jinja(source)}")
        elif _tried(name, source, field, library):
            sources[name] = source
    return OwnTexts(sources, library) if sources else None


def take_texts(values: dict[str, Field], names: Collection[str]) -> dict[str, Field]:
    """Take the fields that hold texts out of those of a receiver; `headers` has the subject as Alertmanager has it."""
    taken = {name: values.pop(name) for name in sorted(names) if name in values}
    for name, field in (taken.pop("headers").mapping() if "headers" in taken else {}).items():
        if name.lower() != "subject":
            field.fault("is not supported: of the headers only Subject can be set; remove it")
        elif "subject" in taken:
            field.fault("stands beside subject; keep one")
        else:
            taken["subject"] = field
    return taken


def _tried(name: str, source: str, field: Field, library: Mapping[str, str]) -> bool:
    _with_jinja()
    from driftline.alerting.templates.rendering import Texts
    from driftline.alerting.templates.sample import sample_contexts

    try:
        texts = Texts(OwnTexts({name: source}, library))
        for known in sample_contexts():
            texts.render(name, known)
    except TextFault as fault:
        _note(field, fault)
        return False
    return True


def _note(field: Field, fault: TextFault) -> None:
    line, problem = field.line, fault.problem
    if fault.file is not None:
        problem = f"{problem} ({fault.file}, line {fault.line})"
    elif isinstance(field.node, yaml.ScalarNode) and field.node.style == "|":
        line += fault.line
    elif fault.line > 1:
        problem = f"{problem} (line {fault.line} of the text)"
    field.findings.faults.append(Fault(field.path, problem, line, field.findings.source))


def _with_jinja() -> None:
    try:
        import jinja2  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ConfigurationError("texts of messages need Jinja2: pip install 'driftline[alerting]'") from error
