"""The command `driftline <noun> <verb>`: exit code 0 fine, 1 found something, 2 could not run; never a traceback."""

import importlib
import os
import sys
from collections.abc import Callable

import typer

from driftline import __version__
from driftline.errors import DriftlineError

NOUNS = {
    "alert": "See the alerts that are open and what was sent.",
    "backtest": "Say what would have alarmed in a file, without a broker.",
    "baseline": "Fit the reference that windows are compared with.",
    "check": "Check a stored range now, and see what became of scheduled checks.",
    "compliance": "Declare what is required of models, and see how far they meet it.",
    "dead-letters": "List, show and replay what could not be counted.",
    "ledger": "Verify, query and export the audit ledger.",
    "model": "Register models and versions, move them between stages.",
    "monitor": "Apply and inspect monitors.",
    "response": "See what automation plans and did, approve or reject it.",
    "schema": "Publish the Avro schema that your producers write with.",
    "token": "Create access tokens for the HTTP interfaces.",
    "topics": "Create the topics and compare them with their declarations.",
    "trends": "Show where the performance of a model is going.",
    "windows": "Export windows as rows of tables, and see versions side by side.",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends by SystemExit with the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = _application(words)(words, standalone_mode=False)
    except typer.Exit as ended:
        code = ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except DriftlineError as error:
        code = _complain(str(error))
    except Exception as error:  # the edge of the process: people get a sentence, developers the traceback on request
        if os.environ.get("DRIFTLINE_DEBUG"):
            raise
        if show := getattr(error, "show", None):  # a usage error knows how to explain itself
            show()
            code = 2
        else:
            code = _complain(f"{type(error).__name__}: {error} (set DRIFTLINE_DEBUG=1 for the traceback)")
    raise SystemExit(code or 0)


def _application(words: list[str]) -> typer.Typer:
    """The whole command; only the noun that is asked for is imported, so that start-up is quick and extras stay optional."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(_root)
    for noun, summary in NOUNS.items():
        found = _noun(noun) if noun in words[:1] else _placeholder()
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=noun, help=summary)
        else:
            app.command(name=noun)(found)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"driftline {__version__}")
        raise typer.Exit


def _root(
    *,
    _version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_show_version
    ),
) -> None:
    """Monitor machine-learning models in production: exit code 0 fine, 1 found something, 2 could not run."""


def _noun(noun: str) -> typer.Typer | Callable[..., None]:
    """The verbs of a noun, its module's `app`; a noun that is a command by itself has a function of its name."""
    name = noun.replace("-", "_")
    try:
        module = importlib.import_module(f"driftline.cli.{name}")
    except ModuleNotFoundError as missing:
        message = f"`driftline {noun}` needs the package {missing.name!r}; install what it stands on with pip install 'driftline[demo]'"
        raise DriftlineError(message) from missing
    found: typer.Typer | Callable[..., None] = getattr(module, "app", None) or getattr(module, name)
    return found


def _placeholder() -> typer.Typer:
    app = typer.Typer()
    app.callback(invoke_without_command=True)(lambda: None)
    return app


def _complain(message: str) -> int:
    typer.echo(f"driftline: {message}", err=True)
    return 2
