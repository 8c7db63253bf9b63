"""The summary that a person reads at the end of the demo."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from driftline.backtest.beyond import Verdict
from examples.flights.causes import Cause
from examples.flights.findings import Episode, Month

_NAMES = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BARS = " ▁▂▃▄▅▆▇█"
_EPISODES_SHOWN, _CAUSES_SHOWN = 14, 6
_VERDICTS = {
    Verdict.HURTS: ("here the model is lost.", "bold red"),
    Verdict.HARMLESS: ("a season, which does not hurt the model.", "green"),
    Verdict.UNSURE: ("too few to tell.", "dim"),
}
_FAR_FUTURE = 2**62
_WARNING, _CRITICAL = 0.1, 0.25
"""Bands of PSI that practitioners use."""


def tell(
    console: Console,
    summary: Mapping[str, Any],
    *,
    months: Sequence[Month],
    episodes: Sequence[Episode],
    causes: Sequence[Cause],
    messages: Sequence[Mapping[str, Any]],
    places: Mapping[str, str],
) -> None:
    """Print everything, most important first."""
    console.print()
    console.print(Panel(_verdict(summary, months), title="[bold]A year of flights through Driftline", border_style="cyan"))
    console.print(_causes(causes))
    console.print(_drift(months))
    console.print(_performance(months))
    console.print(_episodes(episodes))
    console.print(_messages(messages))
    console.print(_house(summary, places))


def _verdict(summary: Mapping[str, Any], months: Sequence[Month]) -> Text:
    worst = max(((month.psi.get("temp", 0.0), month.month) for month in months), default=(0.0, 0))
    weakest = min(((month.auc, month.month) for month in months), default=(0.0, 0))
    text = Text()
    text.append(f"{summary['predictions']:,} predictions and {summary['labels']:,} outcomes went in")
    text.append(f" ({summary['predictions_http']:,} by HTTP, the rest by the SDK).\n")
    text.append(f"The weather left what the model had learnt from: PSI of temperature {worst[0]:.1f} in {_NAMES[worst[1]]}.\n")
    text.append(f"The model suffered: AUC fell to {weakest[0]:.2f} in {_NAMES[weakest[1]]}.\n")
    good = (
        summary["windows_equal"] == summary["windows_equal_backtest"] == summary["windows_checked"]
        and summary["exact"]
        and summary["ledger_verified"]
    )
    proof = (
        f"{summary['windows_equal']:,} of {summary['windows_checked']:,} windows equal a batch count of the same flights, "
        f"cell for cell, and {summary['windows_equal_backtest']:,} what `driftline backtest` counts in them as files; the ledger of {summary['ledger_entries']:,} entries "
        + ("verifies against Kafka." if summary["ledger_verified"] else "does NOT verify.")
    )
    text.append(proof, style="green" if good else "bold red")
    return text


def _causes(causes: Sequence[Cause]) -> RenderableType:
    """What moved together, and what it did to the model."""
    table = Table(title="Why it drifted, one story per cause, and what that did to the model", title_justify="left", box=None)
    table.add_column("cause", style="bold", max_width=18)
    table.add_column("story")
    for cause in causes[:_CAUSES_SHOWN]:
        table.add_row(", ".join(cause.columns), _told(cause))
    return table


def _told(cause: Cause) -> Text:
    text = Text(
        f"{_day(cause.since)} to {_day(cause.until)}, PSI up to {cause.peak:.1f} in the week of {_day(cause.peak_at)}. "
    )
    harm = cause.harm
    if harm is None:
        return text.append("It kept within values that the model had learnt from.", style="dim")
    where = f"{harm.share:.1%} of the flights had a {harm.column} never seen before; AUC there "
    figures = f"{harm.beyond.value:.2f} beside {harm.within.value:.2f}"
    verdict, style = _VERDICTS[harm.verdict]
    return text.append(f"{where}{figures}: ").append(verdict, style=style)


def _drift(months: Sequence[Month]) -> RenderableType:
    """PSI by column and month, the columns that moved most first."""
    table = Table(title="How far each column moved from January and February (PSI)", title_justify="left", box=None)
    table.add_column("column", style="bold")
    for month in months:
        table.add_column(_NAMES[month.month], justify="right")
    columns = sorted(months[0].psi, key=lambda name: -max(month.psi[name] for month in months)) if months else []
    for name in columns:
        table.add_row(name.removeprefix(":"), *(Text(f"{m.psi[name]:.2f}", style=_band(m.psi[name])) for m in months))
    return table


def _band(value: float) -> str:
    if value > _CRITICAL:
        return "bold red"
    return "yellow" if value > _WARNING else "dim"


def _performance(months: Sequence[Month]) -> RenderableType:
    table = Table(title="How good the model really was, once the flights had landed", title_justify="left", box=None)
    for heading in ("month", "flights", "outcomes", "AUC", "", "accuracy", "late"):
        table.add_column(heading, justify="left" if heading in ("month", "") else "right")
    for month in months:
        bar = _BARS[round(max(0.0, min(1.0, (month.auc - 0.5) * 4)) * (len(_BARS) - 1))]
        table.add_row(
            _NAMES[month.month],
            f"{month.n:,}",
            f"{month.pairs:,}",
            f"{month.auc:.2f}",
            Text(bar, style="cyan"),
            f"{month.accuracy:.2f}",
            f"{month.late:.0%}",
        )
    return table


def _episodes(episodes: Sequence[Episode]) -> RenderableType:
    """The longest episodes, in order of time."""
    longest = sorted(episodes, key=lambda episode: episode.since - (episode.until or _FAR_FUTURE))[:_EPISODES_SHOWN]
    title = f"What drifted, and when (the {len(longest)} longest of {len(episodes)} episodes)"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("family", "from", "until", "severity", "what, and the worst value"):
        table.add_column(heading)
    for episode in sorted(longest, key=lambda episode: episode.since):
        worst = sorted(episode.worst.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{name.removeprefix(':')} {value:.2f}" for name, value in worst[:5])
        more = f" and {len(worst) - 5} more" if len(worst) > 5 else ""
        until = "still open" if episode.until is None else _day(episode.until)
        table.add_row(episode.kind, _day(episode.since), until, episode.severity, shown + more)
    return table


def _messages(messages: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The first and last messages that the local receiver got."""
    table = Table(title=f"What the webhook receiver got ({len(messages)} signed messages)", title_justify="left", box=None)
    table.add_column("status")
    table.add_column("message")
    shown = list(messages[:3]) + list(messages[3:][-2:])
    for message in shown:
        data = message.get("alert_data", {})
        first = str(data.get("details", "")).partition("\n")[0]
        table.add_row(str(message.get("status", "")), f"{data.get('emoji', '')} {first or data.get('title', '')}")
    return table


def _house(summary: Mapping[str, Any], places: Mapping[str, str]) -> RenderableType:
    lines = Table.grid(padding=(0, 2))
    seconds, memory = summary["seconds"], summary["rss_mb"]
    for at, line in enumerate(summary["in_force"]):
        lines.add_row("" if at else "what alarms", Text(line, overflow="fold"))
    lines.add_row("windows closed", f"{summary['windows']:,}, label coverage {summary['label_coverage']:.1%}")
    lines.add_row(
        "drift events, alerts", f"{summary['drift_events']}, {summary['alerts']} ({summary['notifications']} notifications)"
    )
    lines.add_row("time", f"{seconds['setup']:.0f} s to set up, {seconds['run']:.0f} s to run")
    lines.add_row("memory", f"{sum(memory.values()):.0f} MB as the sum of the processes' peaks")
    for name, place in places.items():
        lines.add_row(name, Text(place, style="underline cyan", overflow="fold"))
    return Group(Text("\nThe house", style="italic"), lines)


def _day(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%d %b")
