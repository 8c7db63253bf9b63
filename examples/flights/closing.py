"""After the stream: everything is checked against the flights frame and Kafka, and summary.json is written."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
from rich.console import Console

from driftline.broker.resident_memory import peak_rss_bytes
from driftline.drift.profile.layout import Layout
from driftline.drift.windows.policies import explained
from driftline.events import Monitor, WindowReport
from examples.flights import batch_count, findings, story
from examples.flights.backtested import backtested
from examples.flights.causes import causes
from examples.flights.driver import Sent
from examples.flights.observer import Observer
from examples.flights.preparation import Prepared
from examples.flights.receiver import Receiver
from examples.flights.stand import STATE, console_link, verify
from services.supervisor import Supervisor

_QUIET_SECONDS = 8.0
_LONGEST_SECONDS = 60.0


def finish(
    console: Console,
    supervisor: Supervisor,
    prepared: Prepared,
    *,
    monitor: Monitor,
    observer: Observer,
    receiver: Receiver,
    sent: Sent,
    seconds: Mapping[str, float],
) -> None:
    """Let the last alerts go out, verify, write the summary, tell the story."""
    with console.status("letting the last alerts go out and the ledger catch up") as status:
        _settle(observer)
        layout = Layout.of(monitor, prepared.baseline)
        reports = list(observer.windows.values())
        unequal = list(batch_count.unequal_windows(prepared.flights, layout, reports))
        verdict = verify(supervisor)
        status.update("counting the same flights again, from files, with driftline backtest")
        again = backtested(prepared, STATE / "monitor.yaml", STATE / "backtest")
    for report, difference in unequal[:5]:
        console.print(f"[red]{report.granularity} from {report.start}: {difference}[/red]")
    summary = _summary(supervisor, observer, sent, verdict) | {
        "windows_checked": len(reports),
        "windows_equal": len(reports) - len(unequal),
        "windows_equal_backtest": again.equal(reports),
        "seconds": dict(seconds),
        "in_force": explained(monitor, prepared.baseline, _usual(reports, monitor)),
    }
    (STATE / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    story.tell(
        console,
        summary,
        months=findings.months(reports, layout, prepared.baseline),
        episodes=findings.episodes(observer.drift_events),
        causes=causes(reports, again.outcome.harms, monitor.alert_on),
        messages=receiver.messages,
        places=_places(supervisor) | {"backtest": str(again.page)},
    )


def _summary(supervisor: Supervisor, observer: Observer, sent: Sent, verdict: Mapping[str, Any]) -> dict[str, Any]:
    reports, pids = observer.windows.values(), supervisor.pids | {"demo": os.getpid()}
    pairs = sum(r.labels_in_time + r.labels_later for r in reports if r.granularity == "1 day")
    return {
        "predictions": sent.predictions,
        "labels": sent.labels,
        "predictions_http": sent.predictions_http,
        "label_coverage": pairs / sent.predictions,
        "windows": len(reports),
        "exact": all(report.exact for report in reports),
        "drift_events": observer.total("DriftDetected", "DriftCleared"),
        "alerts": observer.counts["AlertFired"],
        "notifications": observer.counts["NotificationSent"],
        "dead_letters": observer.counts["DeadLetter"],
        "ledger_entries": verdict["entries"],
        "ledger_verified": verdict["verdict"] == "valid",
        "restarts": supervisor.restarts,
        "rss_mb": supervisor.peaks() | {"demo": (peak_rss_bytes(os.getpid()) or 0) / 1e6},
        "cpu_seconds": {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()},
    }


def _usual(reports: Sequence[WindowReport], monitor: Monitor) -> int:
    """Rows of the middle one of the windows that alert."""
    rows = sorted(report.n for report in reports if report.granularity == monitor.alert_on)
    return rows[len(rows) // 2] if rows else monitor.minimum_n


def _settle(observer: Observer) -> None:
    """Wait until nothing new has come out for a while: the routes' timers are seconds long here."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() - observer.quiet_since < _QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(0.2)
        observer.check()


def _places(supervisor: Supervisor) -> dict[str, str]:
    return {
        "console": console_link(supervisor),
        **{f"metrics of {name}": f"{url}/metrics" for name, url in supervisor.urls.items()},
        "summary": str(STATE / "summary.json"),
    }
