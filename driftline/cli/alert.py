"""`driftline alert`: see the alerts that are open and what was sent, through the alerting service; check its configuration."""

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.alerting.channels.texts import clip
from driftline.alerting.config import load
from driftline.alerting.durations import duration_text
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.matchers import Operator
from driftline.alerting.routing import Route, Routing
from driftline.cli.alert_texts import rendered_texts
from driftline.cli.console_output import Json, print_json, print_table
from driftline.cli.inputs import text_of
from driftline.cli.service import ALERTING, path_of
from driftline.errors import ConfigurationError
from driftline.runtime.apprise_urls import apprise_url
from driftline.runtime.template_files import templates_beside
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)
routes_app = typer.Typer(no_args_is_help=True)
app.add_typer(routes_app, name="routes", help="See where a configuration sends alerts.")
templates_app = typer.Typer(no_args_is_help=True)
app.add_typer(templates_app, name="templates", help="See what own texts of messages say.")
silences_app = typer.Typer(no_args_is_help=True)
app.add_typer(silences_app, name="silences", help="Keep alerts quiet for a while.")

_LABELS = 160
"""Characters of an alert's labels in a list."""

ConfigFile = Annotated[
    Path,
    typer.Option("--config", help="YAML of alerting, as in DRIFTLINE_ALERTING_CONFIG.", envvar="DRIFTLINE_ALERTING_CONFIG"),
]


@app.callback()
def _alert() -> None:
    """See the alerts that are open and what was sent; check a configuration."""


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
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("alerts"), params=query)[1]["alerts"]
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


@app.command()
def explain(
    alert: Annotated[str, typer.Argument(help="Id of an alert, or of a notification (msg_...).")], *, as_json: Json = False
) -> None:
    """Say why people are told of an alert or not, or what became of a notification."""
    kind = "notifications" if alert.startswith("msg_") else "alerts"
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of(kind, alert, "explain"))[1]
    if as_json:
        print_json(found)
        return
    said = found["explanation"]
    typer.echo(said if isinstance(said, str) else "\n".join(said))


@app.command()
def history(alert: Annotated[str, typer.Argument(help="Id of the alert.")], *, as_json: Json = False) -> None:
    """Show what happened to an alert, the latest first."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("alerts", alert, "history"))[1]["history"]
    if as_json:
        print_json(found)
    else:
        print_table(("AT", "WHAT", "BY", "DETAIL"), ((_moment(one["at"]), *_what(one)) for one in found))


@app.command()
def acknowledge(
    alert: Annotated[str, typer.Argument(help="Id of the alert.")],
    *,
    duration: Annotated[
        str, typer.Option("--for", help="After which it is told again, such as 4h; 0 is until it ends.", metavar="DURATION")
    ] = "24h",
    comment: Annotated[str, typer.Option(help="For the others.")] = "",
    as_json: Json = False,
) -> None:
    """Take care of an alert: it is neither repeated nor escalated meanwhile; its end is told all the same."""
    with ALERTING.connect() as client:
        wanted = {"duration": duration, "comment": comment}
        found = ALERTING.call(client, "POST", path_of("alerts", alert, "acknowledge"), json=wanted)[1]
    if as_json:
        print_json(found)
        return
    until = found["acknowledged"]["until"]
    typer.echo(f"{alert} is yours until {_moment(until) if until else 'it ends'}")


@app.command()
def unacknowledge(alert: Annotated[str, typer.Argument(help="Id of the alert.")], *, as_json: Json = False) -> None:
    """Let an alert be repeated and escalated again."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "DELETE", path_of("alerts", alert, "acknowledge"))[1]
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{alert} is {'told again' if found['status'] == 'firing' else 'over; nobody has to take care of it'}")


@app.command()
def reload(*, as_json: Json = False) -> None:
    """Have the service read its configuration again; exit 2 and the reason where it cannot use it and keeps the old one."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "POST", "/-/reload")[1]
    if as_json:
        print_json(found)
    else:
        typer.echo(
            f"{amount(len(found['receivers']), 'receiver')}; channels with an address: {', '.join(found['channels']) or 'none'}"
        )
        for warning in found["warnings"]:
            typer.echo(f"warning: {warning}")


@app.command(name="check-config")
def check_config(
    files: Annotated[list[Path], typer.Argument(help="YAML of alerting; several may be given.", metavar="FILE...")],
    *,
    as_json: Json = False,
) -> None:
    """Say everything that is wrong with a configuration, with file, line and remedy; exit 1 if something is, 2 if a file cannot be read."""
    found = [_checked(file) for file in files]
    if as_json:
        print_json(found)
    else:
        for report in found:
            _print_report(report)
    if any("unreadable" in report for report in found):
        raise typer.Exit(2)
    raise typer.Exit(1 if any(report["faults"] for report in found) else 0)


@routes_app.command(name="show")
def show_routes(*, config: ConfigFile, as_json: Json = False) -> None:
    """Show the tree of routes with everything that is inherited filled in."""
    routing = _loaded(config)
    if as_json:
        print_json(_route_view(routing.root))
    else:
        _print_route(routing.root, "")


@routes_app.command(name="test")
def find_routes(
    labels: Annotated[
        list[str] | None, typer.Argument(help="Labels of an alert, such as priority=high.", metavar="NAME=VALUE...")
    ] = None,
    *,
    config: ConfigFile,
    receivers: Annotated[
        str | None, typer.Option("--verify-receivers", help="Exit 1 unless these are the receivers, with commas between them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which receivers an alert with these labels goes to, and by which routes."""
    found = _loaded(config).root.match(_labels(labels or []))
    names = [route.receiver for route in found]
    if as_json:
        print_json({"receivers": names, "routes": [_route_line(route) for route in found]})
    else:
        print_table(("RECEIVER", "ROUTE", "GROUP BY"), ((route.receiver, route.key, _group_by(route)) for route in found))
    if receivers is not None and receivers.split(",") != names:
        typer.echo(f"driftline: expected {receivers}, found {','.join(names)}", err=True)
        raise typer.Exit(1)


@templates_app.command(name="test")
def render_texts(
    *,
    config: ConfigFile,
    receiver: Annotated[str, typer.Option(help="Name of the receiver.")],
    field: Annotated[str | None, typer.Option(help="Only this field, such as title.")] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(help="Alerts as JSON: the body of a webhook, or a list as it is posted to /api/v2/alerts; else a sample."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what the texts of a receiver say, without telling anybody; exit 1 if one of them cannot be rendered."""
    found = _loaded(config).receivers.get(receiver)
    if found is None:
        raise ConfigurationError(f"{config} has no receiver {receiver!r}")
    rendered = rendered_texts(found, field, None if alerts is None else text_of(alerts))
    if as_json:
        print_json([asdict(one) for one in rendered])
    else:
        for one in rendered:
            typer.echo(f"{one.channel} {one.field}: {'cannot be rendered: ' if one.failed else ''}{one.text or '(as usual)'}")
    raise typer.Exit(1 if any(one.failed for one in rendered) else 0)


@silences_app.command(name="list")
def list_silences(*, as_json: Json = False) -> None:
    """List silences, the one that ends last first; exit 1 if one is active."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("silences"))[1]["silences"]
    if as_json:
        print_json(found)
    else:
        print_table(("SILENCE", "STATE", "UNTIL", "BY", "MATCHERS", "COMMENT"), map(_silence_row, found))
    raise typer.Exit(1 if any(one["state"] == "active" for one in found) else 0)


@silences_app.command(name="add")
def add_silence(
    matchers: Annotated[
        list[str], typer.Argument(help='Such as model_id="flights.delay"; all must match.', metavar="MATCHER...")
    ],
    *,
    duration: Annotated[str, typer.Option("--for", help="How long, such as 2h or 1d12h.", metavar="DURATION")],
    comment: Annotated[str, typer.Option(help="Why, for those who wonder.")],
    as_json: Json = False,
) -> None:
    """Keep quiet what fulfils all matchers; ends are told all the same."""
    with ALERTING.connect() as client:
        wanted = {"matchers": matchers, "duration": duration, "comment": comment}
        made = ALERTING.call(client, "POST", path_of("silences"), json=wanted)[1]
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['silence_id']} holds until {_moment(made['ends_at'])}")


@silences_app.command(name="end")
def end_silence(
    silence: Annotated[str, typer.Argument(help="Id of the silence, as `list` shows it.")], *, as_json: Json = False
) -> None:
    """End a silence now; what still fires is told at the next tick of its group."""
    with ALERTING.connect() as client:
        ended = ALERTING.call(client, "DELETE", path_of("silences", silence))[1]
    if as_json:
        print_json(ended)
    else:
        typer.echo(f"{ended['silence_id']} is over since {_moment(ended['ends_at'])}")


def _what(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["happening"], one["by"], one["detail"]


def _silence_row(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["silence_id"],
        one["state"],
        _moment(one["ends_at"]),
        one["created_by"],
        ",".join(one["matchers"]),
        one["comment"],
    )


def _checked(file: Path) -> dict[str, Any]:
    try:
        routing = _loaded(file)
    except InvalidAlertingConfig as error:
        faults = [
            {"file": fault.source, "field": fault.field, "line": fault.line, "problem": fault.problem} for fault in error.faults
        ]
        return {"file": str(file), "faults": faults, "warnings": [], "found": {}}
    except ConfigurationError as error:
        return {"file": str(file), "faults": [], "warnings": [], "found": {}, "unreadable": str(error)}
    counts = {
        "routes": sum(1 for _ in routing.root.walk()),
        "receivers": len(routing.receivers),
        "inhibit rules": len(routing.inhibit_rules) - len(routing.noise.inhibit_rules),
        "time intervals": len(routing.time_intervals),
        "built-in inhibit rules": len(routing.noise.inhibit_rules),
    }
    unread = []
    kinds = {channel.kind for receiver in routing.receivers.values() for channel in receiver.channels}
    if "apprise" in kinds and find_spec("apprise") is None:
        unread.append("Apprise is not installed: of its URLs only the form was looked at; pip install 'driftline[apprise]'")
    return {"file": str(file), "faults": [], "warnings": [*routing.warnings, *unread], "found": counts}


def _print_report(report: dict[str, Any]) -> None:
    if "unreadable" in report:
        typer.echo(f"driftline: {report['unreadable']}", err=True)
        return
    for fault in report["faults"]:
        typer.echo(f"{fault['file']}:{fault['line']}: {fault['field']}: {fault['problem']}")
    for warning in report["warnings"]:
        typer.echo(f"warning: {warning}")
    if not report["faults"]:
        *own, built_in = (amount(count, name.removesuffix("s")) for name, count in report["found"].items())
        typer.echo(f"{report['file']}: {', '.join(own)}, and {built_in}")


def _loaded(file: Path) -> Routing:
    return load(text_of(file), source=str(file), apprise=apprise_url, templates=templates_beside(file))


def _labels(words: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for word in words:
        try:
            (matcher,) = parse_matchers(word)
        except ValueError as error:
            raise ConfigurationError(f"{word!r} is no label: write name=value") from error
        if matcher.operator is not Operator.EQUAL:
            raise ConfigurationError(f"{word!r} is no label: write {matcher.name}=value")
        if matcher.name in labels:
            raise ConfigurationError(f"{matcher.name} is given twice; keep one")
        labels[matcher.name] = matcher.value
    return labels


def _route_view(route: Route) -> dict[str, Any]:
    return {**_route_line(route), "routes": [_route_view(child) for child in route.routes]}


def _route_line(route: Route) -> dict[str, Any]:
    return {
        "key": route.key,
        "receiver": route.receiver,
        "matchers": [str(matcher) for matcher in route.matchers],
        "continue": route.continue_matching,
        "group_by": ["..."] if route.group_by_all else list(route.group_by),
        "group_wait": duration_text(route.timers.group_wait),
        "group_interval": duration_text(route.timers.group_interval),
        "repeat_interval": duration_text(route.timers.repeat_interval),
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
    }


def _print_route(route: Route, indent: str) -> None:
    matchers = "{" + ", ".join(map(str, route.matchers)) + "}" if route.matchers else "everything"
    more = "  continue" if route.continue_matching else ""
    for name, names in (("muted in", route.mute_time_intervals), ("active in", route.active_time_intervals)):
        more += f"  {name} {', '.join(names)}" if names else ""
    timers = "/".join(map(duration_text, (route.timers.group_wait, route.timers.group_interval, route.timers.repeat_interval)))
    typer.echo(f"{indent}{matchers} -> {route.receiver}  by {_group_by(route) or 'nothing'}  {timers}{more}")
    for child in route.routes:
        _print_route(child, indent + "  ")


def _group_by(route: Route) -> str:
    return "..." if route.group_by_all else ", ".join(route.group_by)


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    risk = "" if alert["risk_score"] is None else f"{alert['risk_score']:.1f}"
    title = f"{alert['title']}  {clip(_of_posted(alert), _LABELS)}".rstrip()
    return (alert["fingerprint"], alert["status"], alert["priority"], risk, _moment(alert["startsAt"]), title)


def _of_posted(alert: dict[str, Any]) -> str:
    """Labels of an alert that others posted, which says little without; empty for any other, none of which has `alertname`."""
    labels = alert["labels"] if "alertname" in alert["labels"] else {}
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))


def _print_alert(alert: dict[str, Any]) -> None:
    risk = "none" if alert["risk_score"] is None else f"{alert['risk_score']:.1f}/100"
    typer.echo(f"{alert['emoji']} {alert['title']}")
    labels = _of_posted(alert)
    about = {"labels": labels} if labels else {"model": alert["model_name"] or "none"}
    lines = {
        "status": alert["status"],
        "priority": alert["priority"] if labels else f"{alert['priority']} (severity {alert['severity_level']}, risk {risk})",
        **about,
        "since": _moment(alert["startsAt"]) + (f" until {_moment(alert['endsAt'])}" if alert["endsAt"] else ""),
        "receivers": ", ".join(alert["receivers"]) or "none any more",
        "runbook": alert["runbook_url"] or "none",
        "dashboard": alert["dashboard_url"] or "none",
    }
    if care := alert.get("acknowledged"):
        until = _moment(care["until"]) if care["until"] else "it ends"
        lines["taken by"] = f"{care['by']} until {until}" + (f": {care['comment']}" if care["comment"] else "")
    for name, value in lines.items():
        typer.echo(f"  {name:<11}{value}")
    for line in alert["details"].splitlines():
        typer.echo(f"    {line}")
    if alert["notifications"]:
        typer.echo()
        columns = ("DECIDED", "CHANNEL", "STATUS", "REASON", "STATE", "TRIES", "ERROR")
        print_table(columns, (_notification_row(one) for one in alert["notifications"]))


def _notification_row(one: dict[str, Any]) -> tuple[object, ...]:
    decided = _moment(one["decided_at"])
    return (decided, one["channel_name"], one["status"], one["reason"], one["state"], one["attempts"], one["error"] or "")


def _moment(text: str) -> str:
    """An RFC 3339 time as people write it; it is in UTC."""
    return text[:19].replace("T", " ")
