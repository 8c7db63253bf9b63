"""`make bench`: run every benchmark of this folder, print a table, write bench/results.json."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import Result

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Run the named benchmarks (`decode`, `stage1`, ...), all of them by default."""
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; default: all")
    wanted = parser.parse_args().names or names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(names)}")
    console = Console(width=None if sys.stdout.isatty() else 180)
    results: list[Result] = []
    for name in wanted:
        console.print(f"[dim]running {name} ...[/dim]")
        results += importlib.import_module(f"bench.bench_{name}").run()
    console.print(_table(results))
    path = FOLDER / "results.json"
    path.write_text(json.dumps(_with_others(path, results), indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {path.relative_to(FOLDER.parent)}")


def _with_others(path: Path, results: list[Result]) -> list[Result]:
    """The results, and what earlier runs found of other things."""
    names = {row["name"] for row in results}
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [row for row in earlier if row["name"] not in names] + results


def _table(results: list[Result]) -> Table:
    table = Table(title="Benchmarks, each beside its peer or limit in the same run")
    for heading in ("what", "value", "unit", "peer", "peer value", "ratio"):
        table.add_column(heading, justify="left" if heading in ("what", "unit", "peer") else "right")
    for row in results:
        table.add_row(
            row["name"], _number(row["value"]), row["unit"], row["peer"], _number(row["peer_value"]), _number(row["ratio"])
        )
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


if __name__ == "__main__":
    main()
