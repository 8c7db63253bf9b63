"""Every page of the repository: its links lead somewhere, and its commands are commands with such options."""

import re
from pathlib import Path

import pytest
import typer

from driftline import cli

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in ("docs", "services") for page in (ROOT / folder).rglob("*.md"))])
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]+)")
COMMAND = re.compile(r"(?:^[ ]*|`|&& )driftline ([a-z](?:[^\s`|#;\\]|\\\n)+(?: (?:[^`|#;\n\\]|\\\n)+)?)", re.MULTILINE)


def verbs(command):
    """The commands below one; none below a command that does something itself."""
    return getattr(command, "commands", {})


COMMANDS = {noun: verbs(typer.main.get_command(cli._application([noun])))[noun] for noun in cli.NOUNS}


def words_of(page):
    return [found.replace("\\\n", " ").split() for found in COMMAND.findall(page.read_text(encoding="utf-8"))]


def fault_in(words):
    """What is no command or option of it; verbs may be listed (`verify | trail`)."""
    noun, *rest = words
    if noun not in COMMANDS:
        return None if noun == "--version" else noun
    command = COMMANDS[noun]
    while rest and rest[0] in verbs(command):
        command = verbs(command)[rest.pop(0)]
    if verbs(command):
        return rest[0] if rest and re.fullmatch(r"[a-z][a-z-]+", rest[0]) else None
    known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
    named = {word.split("=")[0].strip("[].,") for word in rest if word.startswith("--")}
    return None if named <= known else f"{' '.join(words)}: {sorted(named - known)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_its_links_lead_somewhere(page):
    assert [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_its_commands_are_there_with_their_options(page):
    assert [fault for words in words_of(page) if (fault := fault_in(words))] == []


def test_the_pages_have_commands():
    assert sum(len(words_of(page)) for page in PAGES) > 100
