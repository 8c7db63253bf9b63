"""Templates of Go, which Alertmanager has: known when they are seen, and said in Jinja2 where that is simple."""

import re

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_IS_GO = re.compile(
    r"\{\{-?\s*(?:[.$]|/\*|(?:else|end)\b"
    r"|(?:range|if|with|len|index|printf|eq|ne|and|or|toUpper|toLower|title|trimSpace|join|match|reReplaceAll|safeHtml)\s+[.$(\"]"
    r"|not\s+[.$]|(?:define|template|block)\s+\")"
)
_ROOT = {
    "Status": "status",
    "Receiver": "receiver",
    "ExternalURL": "externalURL",
    "Alerts": "alerts",
    "GroupLabels": "groupLabels",
    "CommonLabels": "commonLabels",
    "CommonAnnotations": "commonAnnotations",
}
_OF_ALERT = {
    "Status": "status",
    "Labels": "labels",
    "Annotations": "annotations",
    "StartsAt": "startsAt",
    "EndsAt": "endsAt",
    "GeneratorURL": "generatorURL",
    "Fingerprint": "fingerprint",
}
_OF_STATUS = {"Firing": "firing", "Resolved": "resolved"}
_PIPED = {"toUpper": "upper", "toLower": "lower", "title": "title", "trimSpace": "trim", "len": "length"}
_LONGEST = 400


def is_go(text: str) -> bool:
    """Whether a text looks like Go's."""
    return _IS_GO.search(text) is not None


def in_jinja(text: str) -> str:
    """The remedy: the whole text in Jinja2, else those of its actions that have a simple one."""
    opened: list[str] = []
    said = [(action[0], _translated(action[1], opened)) for action in _ACTION.finditer(text)]
    if all(there is not None for _, there in said) and not opened:
        whole = iter([str(there) for _, there in said])
        translated = _ACTION.sub(lambda _: next(whole), text)
        if len(translated) <= _LONGEST:
            return f"in Jinja2 it is {translated!r}"
    known = dict.fromkeys(f"{here} is {there}" for here, there in said if there is not None)
    if known:
        return f"write Jinja2: {', '.join(list(known)[:5])}"
    return "write Jinja2, such as {{ commonLabels.job }} for {{ .CommonLabels.job }}, or remove it for the usual words"


def _translated(action: str, opened: list[str]) -> str | None:
    word, _, rest = action.partition(" ")
    match word:
        case "range" | "if" | "with":
            return _begun(word, rest.strip(), opened)
        case "else" if not rest and opened:
            return "{% else %}"
        case "end" if not rest and opened:
            return {"range": "{% endfor %}", "if": "{% endif %}"}.get(opened.pop())
    value = _value(action, opened)
    return None if value is None else f"{{{{ {value} }}}}"


def _begun(word: str, value: str, opened: list[str]) -> str | None:
    given = _condition(value, opened) if word == "if" else _value(value, opened)
    opened.append(word)
    if given is None or word == "with" or (word == "range" and not given.startswith("alerts")):
        return None
    return f"{{% for alert in {given} %}}" if word == "range" else f"{{% if {given} %}}"


def _condition(text: str, opened: list[str]) -> str | None:
    found = re.fullmatch(r'(eq|ne)\s+(\S+)\s+("[^"\\]*")', text)
    if found is None:
        return _value(text, opened)
    value = _value(found[2], opened)
    return None if value is None else f"{value} {'==' if found[1] == 'eq' else '!='} {found[3]}"


def _value(text: str, opened: list[str]) -> str | None:
    first, *pipes = (part.strip() for part in text.split("|"))
    found = re.fullmatch(r"(?:(toUpper|toLower|title|trimSpace|len)\s+)?([.$][\w.]*)", first)
    if found is None or any(pipe not in _PIPED for pipe in pipes):
        return None
    path = _path(found[2], opened)
    filters = [_PIPED[name] for name in ([found[1]] if found[1] else []) + pipes]
    return None if path is None else " | ".join([path, *filters])


def _path(text: str, opened: list[str]) -> str | None:
    """`.Labels.x` inside of a range, `.CommonLabels.x` outside of one, `$.x` anywhere."""
    inside = "range" in opened and not text.startswith("$")
    _, _, dotted = text.partition(".")
    first, *rest = dotted.split(".")
    names = _OF_ALERT if inside else _ROOT
    if first not in names or len(rest) > 1:
        return None
    if names[first] == "alerts" and rest:
        status = _OF_STATUS.get(rest[0])
        return status and f'alerts | selectattr("status", "equalto", "{status}") | list'
    whole = ".".join([names[first], *rest])
    return f"alert.{whole}" if inside else whole
