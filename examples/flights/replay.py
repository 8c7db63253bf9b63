"""The year as people watch it: progress bars over the stream, until the last window is decided."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from driftline.errors import Unavailable
from driftline.kafka.confluent import ConfluentCluster
from driftline.sdk import Client
from examples.flights.driver import DAY_US, MODEL, Emitter, Pace, Sent, days
from examples.flights.observer import Observer
from examples.flights.preparation import Prepared
from examples.flights.stand import STATE
from services.drift.settings import Stage
from services.supervisor import Supervisor

PATIENCE_SECONDS = 180.0


def stream(console: Console, supervisor: Supervisor, cluster: ConfluentCluster, prepared: Prepared, observer: Observer) -> Sent:
    """Play the year; at most three days of event time ahead of what drift has committed."""
    flights = prepared.flights
    calendar = list(days(flights))
    pace = Pace(cluster.admin(), {stage.group: stage.reads for stage in (Stage.PROFILE, Stage.JOIN)})
    authorization = {"authorization": f"Bearer {supervisor.token}"}
    with (
        Client.connect(supervisor.bootstrap, on_error=console.print) as client,
        httpx.Client(base_url=supervisor.urls["ingest"], headers=authorization, timeout=60) as http,
        _progress(console) as progress,
    ):
        emitter = Emitter(flights, client, http)
        events = progress.add_task("events", total=len(flights.predicted_us) + int((flights.known_us >= 0).sum()))
        time_bar = progress.add_task("event time", total=len(calendar))
        windows = progress.add_task("windows", total=len(prepared.windows()))
        alerts = progress.add_task("alerts", total=None)

        def show() -> None:
            observer.check()
            progress.update(events, completed=emitter.sent.predictions + emitter.sent.labels)
            progress.update(windows, completed=len(observer.windows))
            progress.update(alerts, completed=observer.counts["AlertFired"])

        for start, predicted, known in calendar:
            _wait(pace.may_go_on, show, "drift to catch up")
            emitter.predictions(predicted)
            emitter.labels(known)
            client.flush()
            pace.day_is_sent()
            day = datetime.fromtimestamp(start / 1e6, UTC).strftime("%d %b %Y")
            progress.update(time_bar, advance=1, description=f"event time  {day}")
            show()
        client.advance(MODEL, prepared.end + 4 * DAY_US)
        client.flush()
        pace.day_is_sent()
        _wait(pace.all_committed, show, "drift to commit the end of the stream")
        _wait(lambda: all(map(observer.is_decided, prepared.windows())), show, "the last windows to be decided")
        show()
    return emitter.sent


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=2,
    )


def _wait(ready: Callable[[], bool], show: Callable[[], None], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        show()
        if time.monotonic() > deadline:
            message = f"waited {PATIENCE_SECONDS:.0f} s for {what}; the logs are in {STATE / 'logs'}"
            raise Unavailable(message)
        time.sleep(0.05)
