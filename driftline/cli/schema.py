"""`driftline schema`: make a writer schema of your own known, so that what is written with it can be read."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline import codec
from driftline.avro import UnsupportedSchema, compile_schema
from driftline.cli.console_output import Bootstrap, Json, cluster, print_json
from driftline.cli.inputs import text_of
from driftline.cli.publishing import publish_once
from driftline.clock import SystemClock
from driftline.envelope import Envelope
from driftline.errors import ConfigurationError
from driftline.events import SchemaRegistered
from driftline.kafka.ports import Cluster

app = typer.Typer(no_args_is_help=True)

NEEDED = ("model_id", "model_version", "prediction_id", "event_time")
"""Fields that a record on the topic predictions has; the others are features."""


@app.callback()
def _schema() -> None:
    """Make a writer schema of your own known."""


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="Avro schema (.avsc) that producers write predictions with.")],
    *,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Check FILE and publish it on the topic schemas; prints its fingerprint. Do so before the first message that uses it."""
    registered = read_schema(file)
    sent = publish_schema(cluster(bootstrap), registered)
    if as_json:
        print_json({"fingerprint": registered.fingerprint, "name": registered.name, "sha256": registered.sha256})
        return
    typer.echo(f"{registered.fingerprint}  {registered.name}{'' if sent else ', published before'}")


def read_schema(file: Path) -> SchemaRegistered:
    """The schema in a file, checked. Raises ConfigurationError that says what is wrong with it."""
    try:
        schema: dict[str, Any] = json.loads(text_of(file))
    except ValueError as error:
        raise ConfigurationError(f"cannot read {file}: {error}") from error
    fields = {field.get("name") for field in schema.get("fields", ())} if isinstance(schema, dict) else set()
    if missing := [name for name in NEEDED if name not in fields]:
        raise ConfigurationError(f"{file} lacks the field(s) {', '.join(missing)}; every prediction has {', '.join(NEEDED)}")
    if schema.get("name") in codec.EVENT_NAMES:
        raise ConfigurationError(
            f"{file} is called {schema['name']}, as an event of Driftline is; give the record another name"
        )
    try:
        compile_schema(schema)
        number = codec.fingerprint(schema)
    except (UnsupportedSchema, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} cannot be read by Driftline: {error}") from error
    compact = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
    return SchemaRegistered(
        fingerprint=f"{number:016x}",
        name=str(schema["name"]),
        schema=compact,
        sha256=hashlib.sha256(compact.encode()).hexdigest(),
    )


def publish_schema(kafka: Cluster, registered: SchemaRegistered) -> bool:
    """Send a schema to its topic, unless one that reads alike is there; returns whether it was sent. Raises Unavailable."""
    now = SystemClock().now_us()
    envelope = Envelope(id=registered.sha256, type="SchemaRegistered", source="/cli", time_us=now, subject=registered.name)
    return publish_once(kafka, "schemas", registered, key=registered.fingerprint, envelope=envelope)
