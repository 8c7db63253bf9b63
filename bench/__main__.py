"""`make bench`: run every benchmark of this folder, print a table, write bench/results.json."""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import Result

FOLDER = Path(__file__).resolve().parent


def main(wanted: list[str]) -> None:
    """Run the named benchmarks (`decode`, `stage1`, ...), all of them by default."""
    names = wanted or sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    console = Console(width=None if sys.stdout.isatty() else 180)
    results: list[Result] = []
    for name in names:
        console.print(f"[dim]running {name} ...[/dim]")
        results += importlib.import_module(f"bench.bench_{name}").run()
    console.print(_table(results))
    path = FOLDER / "results.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {path.relative_to(FOLDER.parent)}")


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
    main(sys.argv[1:])
