"""`driftline response`: see what automation plans and did, approve or reject it, set its mode, check its policy."""

from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.response.policy_file import load
from driftline.cli.console_output import Json, print_json, print_table
from driftline.cli.inputs import text_of
from driftline.cli.service import ALERTING, path_of
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)

PlanId = Annotated[str, typer.Argument(help="Id of the plan (rsp_...), as `list` shows it.", metavar="PLAN")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]


@app.callback()
def _response() -> None:
    """See what automation plans and did, approve or reject it, set its mode."""


@app.command(name="list")
def list_plans(
    *,
    state: Annotated[str | None, typer.Option(help="Such as awaiting_approval, verifying, ineffective.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only plans of this model.")] = None,
    runbook: Annotated[str | None, typer.Option(help="Only the notes of this runbook, such as drift-runbook.")] = None,
    limit: Annotated[int, typer.Option(help="Show only the last so many.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List plans, the latest first; exit 1 if one waits for approval."""
    query = {"state": state, "model_id": model, "runbook": runbook, "limit": limit}
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("responses"), params=query)[1]["plans"]
    if as_json:
        print_json(found)
    else:
        print_table(("PLAN", "STATE", "MODEL", "RISK", "BAND", "ACTIONS", "WHY"), map(_row, found))
    raise typer.Exit(1 if any(plan["state"] == "awaiting_approval" for plan in found) else 0)


@app.command()
def show(plan: PlanId, *, as_json: Json = False) -> None:
    """Show the record of a plan: evidence, every guard's verdict, who approved, what came of it."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "GET", path_of("responses", plan))[1]
    if as_json:
        print_json(found)
    else:
        _print_record(found)


@app.command()
def approve(plan: PlanId, *, reason: Reason, as_json: Json = False) -> None:
    """Let a plan be executed, if its guards still allow it."""
    _decide(plan, "approve", reason, as_json=as_json)


@app.command()
def reject(plan: PlanId, *, reason: Reason, as_json: Json = False) -> None:
    """Have a plan not executed."""
    _decide(plan, "reject", reason, as_json=as_json)


@app.command()
def mode(
    model: Annotated[str | None, typer.Argument(help="Model; * is all of them. Without it every mode is shown.")] = None,
    to: Annotated[str | None, typer.Argument(help="off, shadow, approve, auto, or policy: as the policy says.")] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with the mode.")] = "",
    as_json: Json = False,
) -> None:
    """Show the modes, or set one; that also ends a switch-off. `mode '*' off` stops everything, `mode '*' policy` ends that."""
    with ALERTING.connect() as client:
        if model is not None and to is not None:
            wanted = {"mode": None if to == "policy" else to, "reason": reason}
            found = ALERTING.call(client, "PUT", path_of("responses", "modes", model), json=wanted)[1]
        else:
            found = ALERTING.call(client, "GET", path_of("responses", "modes"))[1]
    if as_json:
        print_json(found)
        return
    if found["kill_switch"]:
        typer.echo(f"everything is stopped: {found['kill_switch_reason']}")
    shown = [one for one in found["models"] if model in (None, "*", one["model_id"])]
    rows = ((one["model_id"], one["mode"], one["band"], one["switched_off"], one["set_by"]) for one in shown)
    print_table(("MODEL", "MODE", "BAND", "SWITCHED OFF", "SET BY"), rows)


@app.command()
def rollback(
    model: Annotated[str, typer.Argument(help="Model that shall serve its last good version.")],
    *,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Have served the last good version now, without automation: in production, or the last that was."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "POST", path_of("responses", "serving", model, "rollback"), json={"reason": reason})[1]
    if as_json:
        print_json(found)
        return
    version = next(one["model_version"] for one in found["serving"] if one["model_id"] == model)
    typer.echo(f"{model} shall be served by version {version}")


@app.command()
def release(
    model: Annotated[str, typer.Argument(help="Model that was paused or rolled back.")],
    *,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Have served again what was deployed."""
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "POST", path_of("responses", "serving", model, "release"), json={"reason": reason})[1]
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{model} is served as it was deployed")


@app.command(name="check-policy")
def check_policy(
    file: Annotated[Path, typer.Argument(help="YAML as in DRIFTLINE_ALERTING_RESPONSE_POLICY.")], *, as_json: Json = False
) -> None:
    """Say everything that is wrong with a policy, with line and remedy; exit 1 if something is."""
    faults: list[dict[str, Any]] = []
    try:
        policy = load(text_of(file), source=str(file))
    except InvalidAlertingConfig as error:
        faults = [{"field": fault.field, "line": fault.line, "problem": fault.problem} for fault in error.faults]
    if as_json:
        print_json({"file": str(file), "faults": faults})
    else:
        for fault in faults:
            typer.echo(f"{file}:{fault['line']}: {fault['field']}: {fault['problem']}")
        if not faults:
            typer.echo(
                f"{file}: version {policy.version}, {amount(len(policy.models), 'model')}; others are in {policy.defaults.mode}"
            )
    raise typer.Exit(1 if faults else 0)


def _decide(plan: str, verb: str, reason: str, *, as_json: bool) -> None:
    with ALERTING.connect() as client:
        found = ALERTING.call(client, "POST", path_of("responses", plan, verb), json={"reason": reason})[1]
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{plan} is {found['state']}: {found['reason']}")


def _row(plan: dict[str, Any]) -> tuple[str, ...]:
    actions = ", ".join(plan["actions"])
    return (
        plan["plan_id"],
        plan["state"],
        plan["model_id"],
        f"{plan['risk_score']:.1f}",
        plan["band"],
        actions,
        plan["reason"],
    )


def _print_record(found: dict[str, Any]) -> None:
    typer.echo(f"{found['plan_id']} of {found['model_id']} {found['model_version']}: {', '.join(found['actions'])}")
    typer.echo(f"{found['state']}: {found['reason']}")
    for name, value in found["evidence"].items():
        typer.echo(f"  {name}: {value}")
    print_table(
        ("GUARD", "VERDICT", "WHY"), ((g["guard"], "passed" if g["passed"] else "held", g["reason"]) for g in found["guards"])
    )
    print_table(("ACTION", "STATUS", "ERROR"), ((r["action"], r["status"], r["error"] or "") for r in found["results"]))
    print_table(("AT", "STEP", "STATE", "BY", "WHY"), (tuple(line.values()) for line in found["history"]))
