"""Checks beside the times that were asked for: planning a model 1 ms, a check 500 ms, history 10 ms, statistics 5 ms.

A check adds up a week of hourly panes of 20 columns and decides on them, in stage evaluate; history and statistics are asked of
10,000 executions in SQLite. Run: `python -m bench.bench_checks`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from sqlalchemy import insert

from bench.bench_evaluate import HOUR_US, START, Rig
from bench.results import Result, result
from driftline.codec import encode
from driftline.drift.scheduling import Scheduler
from driftline.events import CheckRequested, CheckStatus
from driftline.schemas import folder
from services.console.store.checks import CheckQueries
from services.console.store.tables import executions, open_tables

HOURS, CHECKS, EXECUTIONS, TIMES = 168, 9, 10_000, 21


def _milliseconds(work: Callable[[], object], times: int = TIMES) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found)


def _checked() -> float:
    """Milliseconds of a check of a week, less those of a progress record that asks for nothing."""
    rig = Rig()
    for hour in range(HOURS):
        rig.evaluate(rig.messages(START + hour * HOUR_US, 2))
    idle, checked = [], []
    for number in range(CHECKS):
        request = CheckRequested(
            request_id=str(number), model_id="bench", start=START, end=START + HOURS * HOUR_US, actor="bench", at=0
        )
        for asked, found in ((False, idle), (True, checked)):
            if asked:
                rig.cluster.producer().produce("profiles", encode(request), key=b"bench", partition=0)
            messages = rig.messages(START + HOURS * HOUR_US - 1, 1)
            began = time.perf_counter()
            rig.evaluate(messages)
            found.append(1000 * (time.perf_counter() - began))
    return statistics.median(checked) - statistics.median(idle)


def _queries() -> CheckQueries:
    engine = open_tables("sqlite://")
    example = (folder() / "examples" / "CheckExecution" / "completed.json").read_text(encoding="utf-8")
    rows = [
        {
            "check_id": str(number),
            "model_id": f"model {number % 20}",
            "model_version": "1",
            "trigger": "SCHEDULED",
            "request_id": "",
            "status": CheckStatus.FAILED if number % 45 == 0 else CheckStatus.COMPLETED,
            "at": number,
            "alert_generated": number % 15 == 0,
            "said": json.dumps(json.loads(example)),
        }
        for number in range(EXECUTIONS)
    ]
    with engine.begin() as connection:
        connection.execute(insert(executions), rows)
    return CheckQueries(engine)


def run() -> list[Result]:
    """The figures, each beside what was asked for."""
    queries = _queries()
    plans = Scheduler()
    found = [
        (
            "plan a model",
            _milliseconds(lambda: plans.configure("m", "1", lambda _: (), schedule="0 9 * * MON-FRI", now=0)),
            1.0,
        ),
        ("check a week of 20 columns", _checked(), 500.0),
        (
            "history of 50 in 10,000",
            _milliseconds(lambda: queries.history(model_id="model 7", status=None, request_id=None, limit=50)),
            10.0,
        ),
        ("statistics of 10,000", _milliseconds(queries.statistics), 5.0),
    ]
    for name, value, limit in found:
        print(f"checks: {name} {value:.2f} ms (asked for {limit:g} ms)")
    return [result(name, value, "ms", "asked for", limit) for name, value, limit in found]


if __name__ == "__main__":
    run()
