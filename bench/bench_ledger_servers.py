"""Durable appends of the ledger on PostgreSQL and MariaDB, with every guard, beside what those servers can do at best.

The servers are private ones with their own defaults: every commit waits for the disk. Batches of 500 events as in `bench_ledger`; the
peer writes the same rows in the same batches into tables with a primary key alone, by COPY on PostgreSQL, by a statement of many
rows on MariaDB: no hashing, no guards, no other keys. Single appends are events one by one; their peer commits one row.
Run: `python -m bench.bench_ledger_servers`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, select

from bench.bench_ledger import ORIGIN, SOURCE, Row, drafts_from
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.store import LedgerWriter, OffsetMove, open_writer
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import insert_rows, open_engine
from tests.servers import DatabaseServer, ServerMissing, start_mariadb, start_postgresql

BATCH, COUNT, SINGLES, ROUNDS = 500, 10_000, 200, 3


def _appends(writer: LedgerWriter, first: int, count: int, batch: int) -> list[float]:
    """Append so many events and return the seconds of each batch."""
    source_id, at = writer.positions([SOURCE])[SOURCE]
    seconds = []
    for start in range(first, first + count, batch):
        drafts = drafts_from(start, batch)
        began = time.perf_counter()
        writer.append(drafts, [OffsetMove(source_id, at, at + batch)], now=1_790_000_000_000_000)
        seconds.append(time.perf_counter() - began)
        at += batch
    return seconds


def _bare(url: str, tables: list[tuple[Table, list[tuple[Any, ...]]]], batch: int) -> list[float]:
    """Write rows that are there already into tables without anything; returns the seconds of each batch."""
    engine = open_engine(url)
    bare = MetaData()
    copies = []
    for table, _ in tables:
        columns = [
            Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in table.columns if c.computed is None
        ]
        copies.append(Table(f"bare_{table.name}", bare, *columns))
    bare.drop_all(engine)
    bare.create_all(engine)
    seconds = []
    for first in range(0, len(tables[0][1]), batch):
        began = time.perf_counter()
        with engine.begin() as connection:
            for copy, (_, rows) in zip(copies, tables, strict=True):
                insert_rows(connection, copy, [c.name for c in copy.columns], rows[first : first + batch])
        seconds.append(time.perf_counter() - began)
    engine.dispose()
    return seconds


def _rows(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    columns = [column for column in table.columns if column.computed is None]
    return [tuple(row) for row in connection.execute(select(*columns).order_by(columns[0]))]


def _round(server: DatabaseServer, folder: Path, figures: dict[str, list[float]]) -> None:
    url = server.new_database()
    writer, _ = open_writer(url, SigningKey(ORIGIN, bytes(32)), signed_path=folder / "last-signed", random=os.urandom)
    figures["batch"].append(COUNT / sum(_appends(writer, 0, COUNT, BATCH)))
    with writer.store.engine.connect() as connection:
        rows = [(table, _rows(connection, table)) for table in (t.entry, t.payload)]
    figures["bare"].append(COUNT / sum(_bare(url, rows, BATCH)))
    figures["single"] += _appends(writer, COUNT, SINGLES, 1)
    figures["bare single"] += _bare(url, [(table, some[:SINGLES]) for table, some in rows], 1)
    writer.store.close()


def _measured(name: str, start: Callable[..., DatabaseServer]) -> list[Row]:
    server = start(durable=True)
    figures: dict[str, list[float]] = {"batch": [], "bare": [], "single": [], "bare single": []}
    try:
        for _ in range(ROUNDS):
            folder = Path(tempfile.mkdtemp(prefix="bench-ledger-"))
            _round(server, folder, figures)
            shutil.rmtree(folder)
    finally:
        server.stop()
    ours, theirs = figures["batch"], figures["bare"]
    p95, bare95 = (1_000 * statistics.quantiles(figures[what], n=20)[-1] for what in ("single", "bare single"))
    return [
        {
            "name": f"ledger durable appends on {name}, every guard on, batch {BATCH}",
            "value": statistics.median(ours),
            "unit": "entries/s",
            "peer": f"the same rows into bare tables of {name}",
            "peer_value": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            "spread": [min(ours), max(ours)],
        },
        {
            "name": f"ledger single append on {name}, p95",
            "value": p95,
            "unit": "ms",
            "peer": "one bare row in each table, committed, p95",
            "peer_value": bare95,
            "ratio": p95 / bare95,
        },
    ]


def run() -> list[Row]:
    """Measure each server that is installed."""
    rows: list[Row] = []
    for name, start in (("PostgreSQL", start_postgresql), ("MariaDB", start_mariadb)):
        try:
            rows += _measured(name, start)
        except ServerMissing as error:
            print(f"{name} left out: {error}")
    return rows


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['value']:,.1f} {row['unit']} ({row['ratio']:.2f} of {row['peer']}: {row['peer_value']:,.1f})"
        )
