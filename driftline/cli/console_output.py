"""What the commands share when they speak: tables for people, JSON for programs, and the way to Kafka."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from driftline.kafka.configuration import client_properties
from driftline.kafka.confluent import ConfluentCluster

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap", help="host:port of a Kafka broker; the default is DRIFTLINE_KAFKA_BOOTSTRAP.", metavar="HOST:PORT"
    ),
]


def cluster(bootstrap: str | None) -> ConfluentCluster:
    """Return the cluster that is meant; security settings come from `DRIFTLINE_KAFKA_*` either way.

    Raises ConfigurationError where neither the option nor the environment names one.
    """
    if bootstrap is None:
        return ConfluentCluster.from_environment()
    import os

    return ConfluentCluster(client_properties({**os.environ, "DRIFTLINE_KAFKA_BOOTSTRAP": bootstrap}))


def print_json(value: object) -> None:
    """Print a value for programs; bytes as text where they are UTF-8, else in hexadecimal."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; nothing but the head for no rows."""
    cells = [tuple(columns), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    for row in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def as_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as CSV with a head: columns in the order in which rows first have them, lists with a blank between."""
    written = list(rows)
    head = list(dict.fromkeys(name for row in written for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, head, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: " ".join(cell) if isinstance(cell, list) else cell for name, cell in row.items()} for row in written
    )
    return text.getvalue()


def moment(time_us: int) -> str:
    """Return a time in microseconds as people write it, in UTC."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def readable(data: bytes | None) -> str | None:
    """Return bytes as text where they are printable UTF-8, else in hexadecimal; None stays None."""
    if data is None:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex()
    return text if text.isprintable() else data.hex()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return readable(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
