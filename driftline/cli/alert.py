"""`driftline alert`: see the alerts that are open and what was sent, through the alerting service."""

from typing import Annotated, Any

import typer

from driftline.cli.console_output import Json, print_json, print_table
from driftline.cli.service import ALERTING, path_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _alert() -> None:
    """See the alerts that are open and what was sent."""


@app.command(name="list")
def list_alerts(
    *,
    status: Annotated[str | None, typer.Option(help="firing or resolved.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only alerts of this model.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
    limit: Annotated[int, typer.Option(help="Show only the last so many.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List alerts, the latest change first; exit 1 if one of them is firing."""
    query = {"status": status, "model_id": model, "priority": priority, "limit": limit}
    given = {name: value for name, value in query.items() if value is not None}
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("alerts"), params=given)[1]["alerts"]
    if as_json:
        print_json(found)
    else:
        print_table(("ALERT", "STATUS", "PRIORITY", "RISK", "SINCE", "TITLE"), map(_row, found))
    raise typer.Exit(1 if any(alert["status"] == "firing" for alert in found) else 0)


@app.command()
def show(alert: Annotated[str, typer.Argument(help="Id of the alert, as `list` shows it.")], *, as_json: Json = False) -> None:
    """Show one alert with what was sent about it; exit 1 if it is firing."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("alerts", alert))[1]
    if as_json:
        print_json(found)
    else:
        _print_alert(found)
    raise typer.Exit(1 if found["status"] == "firing" else 0)


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    risk = "" if alert["risk_score"] is None else f"{alert['risk_score']:.1f}"
    return (alert["fingerprint"], alert["status"], alert["priority"], risk, _moment(alert["startsAt"]), alert["title"])


def _print_alert(alert: dict[str, Any]) -> None:
    risk = "none" if alert["risk_score"] is None else f"{alert['risk_score']:.1f}/100"
    typer.echo(f"{alert['emoji']} {alert['title']}")
    lines = {
        "status": alert["status"],
        "priority": f"{alert['priority']} (severity {alert['severity_level']}, risk {risk})",
        "model": alert["model_name"] or "none",
        "since": _moment(alert["startsAt"]) + (f" until {_moment(alert['endsAt'])}" if alert["endsAt"] else ""),
        "runbook": alert["runbook_url"],
        "dashboard": alert["dashboard_url"],
    }
    for name, value in lines.items():
        typer.echo(f"  {name:<10}{value}")
    for line in alert["details"].splitlines():
        typer.echo(f"    {line}")
    if alert["notifications"]:
        typer.echo()
        columns = ("DECIDED", "CHANNEL", "STATUS", "REASON", "STATE", "TRIES", "ERROR")
        print_table(columns, (_notification_row(one) for one in alert["notifications"]))


def _notification_row(one: dict[str, Any]) -> tuple[object, ...]:
    decided = _moment(one["decided_at"])
    return (decided, one["channel"], one["status"], one["reason"], one["state"], one["attempts"], one["error"] or "")


def _moment(text: str) -> str:
    """An RFC 3339 time as people write it; it is in UTC."""
    return text[:19].replace("T", " ")
