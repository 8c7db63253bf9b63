"""`driftline topics`: create the topics from their declarations, and compare the cluster with them."""

from typing import Annotated

import typer

from driftline.cli.console_output import Bootstrap, Json, cluster, print_json, print_table
from driftline.kafka.ports import Admin, NewTopic
from driftline.runtime.preflight import Difference, DifferenceKind, differences, new_topic
from driftline.topics import TopicDeclaration, catalogue
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _topics() -> None:
    """Create the topics and compare them with their declarations."""


@app.command(name="list")
def list_topics(*, as_json: Json = False) -> None:
    """List the declared topics; needs no broker."""
    declared = catalogue().values()
    if as_json:
        print_json([_view(declaration) for declaration in declared])
        return
    print_table(
        ["topic", "partitions", "kept", "written by", "read by"],
        [(d.name, d.partitions, _kept(d), ", ".join(d.producers), ", ".join(d.consumers)) for d in declared],
    )


@app.command()
def diff(*, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Compare the cluster with the declarations; exit 1 if anything differs."""
    found = differences(cluster(bootstrap).admin(), catalogue().values())
    if as_json:
        print_json([_difference(one) for one in found])
    else:
        for one in found:
            typer.echo(str(one))
        typer.echo("run `driftline topics apply`" if found else f"all {len(catalogue())} topics are as declared")
    raise typer.Exit(1 if found else 0)


@app.command()
def apply(
    *,
    bootstrap: Bootstrap = None,
    replication: Annotated[int, typer.Option(help="Replicas of each new topic; -1 leaves it to the brokers.", min=-1)] = -1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Create missing topics and correct settings; exit 1 if a partition count differs, which nothing can correct."""
    admin = cluster(bootstrap).admin()
    found = differences(admin, catalogue().values())
    if not dry_run:
        _create(admin, found, replication)
        _configure(admin, found)
    hopeless = [one for one in found if one.kind is DifferenceKind.PARTITIONS]
    if as_json:
        print_json(
            {
                "created": [one.topic for one in found if one.kind is DifferenceKind.MISSING],
                "configured": [_difference(one) for one in found if one.kind is DifferenceKind.CONFIG],
                "refused": [_difference(one) for one in hopeless],
                "dry_run": dry_run,
            }
        )
    else:
        _say(found, dry_run=dry_run)
    raise typer.Exit(1 if hopeless else 0)


def _create(admin: Admin, found: list[Difference], replication: int) -> None:
    by_name = {declaration.name: new_topic(declaration) for declaration in catalogue().values()}
    missing = [by_name[one.topic] for one in found if one.kind is DifferenceKind.MISSING]
    admin.create([NewTopic(t.name, t.partitions, t.config, replication) for t in missing])


def _configure(admin: Admin, found: list[Difference]) -> None:
    wrong: dict[str, dict[str, str]] = {}
    for one in found:
        if one.kind is DifferenceKind.CONFIG:
            wrong.setdefault(one.topic, {})[one.setting] = one.declared
    for name, settings in wrong.items():
        admin.configure(name, settings)


def _say(found: list[Difference], *, dry_run: bool) -> None:
    verbs = {
        DifferenceKind.MISSING: "would create" if dry_run else "created",
        DifferenceKind.CONFIG: "would correct" if dry_run else "corrected",
        DifferenceKind.PARTITIONS: "cannot correct",
    }
    for one in found:
        what = one.topic if one.kind is DifferenceKind.MISSING else str(one)
        typer.echo(f"{verbs[one.kind]}: {what}")
    if not found:
        typer.echo(f"all {len(catalogue())} topics are as declared")
    if any(one.kind is DifferenceKind.PARTITIONS for one in found):
        typer.echo(
            "a partition count is fixed for life: keys would move; make the topic anew under a new cluster or prefix", err=True
        )


def _kept(declaration: TopicDeclaration) -> str:
    if declaration.compacted:
        return "last per key"
    milliseconds = int(declaration.config.get("retention.ms", "604800000"))
    return amount(milliseconds / 86_400_000, "day", form="g")


def _view(declaration: TopicDeclaration) -> dict[str, object]:
    return {
        "name": declaration.name,
        "description": declaration.description,
        "key": declaration.key,
        "schemas": declaration.schemas,
        "producers": declaration.producers,
        "consumers": declaration.consumers,
        "partitions": declaration.partitions,
        "config": dict(declaration.config),
    }


def _difference(one: Difference) -> dict[str, str]:
    return {
        "topic": one.topic,
        "kind": one.kind.value,
        "setting": one.setting,
        "declared": one.declared,
        "found": one.found,
    }
