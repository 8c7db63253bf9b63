"""Runbooks as pages: the Markdown of `docs/runbooks`, as far as runbooks use it, into escaped HTML.

Headings, paragraphs, lists, tables, fenced code, `code`, **strong** and [links](https://...). Everything is escaped before it is marked up.
"""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")
_HEADING = re.compile(r"(#{1,4})\s+(.*)")
_BULLET = re.compile(r"(?:[-*]|(\d+)\.)\s+(.*)")
_MARKS = (
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\[([^\]]+)\]\(((?:https?://|/|#)[^\s()]*)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"\[([^\]]+)\]\(([A-Za-z0-9_-]+)\.md\)"), r'<a href="/runbooks/\2">\1</a>'),
)


def runbook_names(folder: Path) -> list[str]:
    """Names of the runbooks there are."""
    return sorted(path.stem for path in folder.glob("*.md")) if folder.is_dir() else []


def read_runbook(folder: Path, name: str) -> str | None:
    """Markdown of a runbook, None if there is none of that name."""
    if not _NAME.match(name) or name not in runbook_names(folder):
        return None
    return (folder / f"{name}.md").read_text(encoding="utf-8")


def to_html(markdown: str) -> str:
    """The page of a runbook: everything in it is escaped, so that a template may take it as it is."""
    return "\n".join(_blocks(markdown.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    index = 0
    while index < len(lines):
        line = lines[index].rstrip()
        if line.startswith("```"):
            end = next((at for at in range(index + 1, len(lines)) if lines[at].startswith("```")), len(lines))
            yield f"<pre><code>{escape(chr(10).join(lines[index + 1 : end]))}</code></pre>"
            index = end + 1
        elif heading := _HEADING.match(line):
            level = len(heading[1])
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
            index += 1
        elif not line.strip():
            index += 1
        else:
            end = next(
                (at for at in range(index, len(lines)) if not lines[at].strip() or lines[at].startswith("```")), len(lines)
            )
            yield _paragraph([text.rstrip() for text in lines[index:end]])
            index = end


def _paragraph(lines: list[str]) -> str:
    """Lines that stand together: a list, a table, or a paragraph."""
    if first := _BULLET.match(lines[0].strip()):
        items: list[str] = []
        for line in lines:
            found = _BULLET.match(line.strip())
            if found:
                items.append(found[2])
            else:
                items[-1] += " " + line.strip()
        kind = "ol" if first[1] else "ul"
        return f"<{kind}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{kind}>"
    if lines[0].startswith("|"):
        return _table(lines)
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    body = [row for row in rows[1:] if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in rows[0])
    cells = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>"


def _inline(text: str) -> str:
    """Escaped text with its marks; what stands in `code` is left as it is."""
    parts = re.split(r"`([^`]+)`", escape(text))
    return "".join(f"<code>{part}</code>" if index % 2 else _marked(part) for index, part in enumerate(parts))


def _marked(text: str) -> str:
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    return text
