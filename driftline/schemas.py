"""The folder `schemas/` as Python sees it: in the repository, or inside the installed wheel."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PACKAGE = Path(__file__).resolve().parent


def folder() -> Path:
    """Path of the schemas folder; the wheel carries it as `driftline/_schemas`."""
    inside = _PACKAGE / "_schemas"
    return inside if inside.is_dir() else _PACKAGE.parent / "schemas"


@cache
def avro_schema(event: str) -> dict[str, Any]:
    """Avro schema of an event by its name, as JSON values. Raises FileNotFoundError for an unknown one."""
    return dict(json.loads((folder() / "avro" / f"{event}.avsc").read_text(encoding="utf-8")))


@cache
def retired_schemas() -> tuple[dict[str, Any], ...]:
    """Writer schemas of earlier releases, which stay readable for ever."""
    paths = sorted((folder() / "avro" / "retired").glob("*.avsc"))
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in paths)


@cache
def topic_declarations() -> tuple[dict[str, Any], ...]:
    """Every `schemas/topics/<topic>.yaml`, in order of name."""
    paths = sorted((folder() / "topics").glob("*.yaml"))
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths)
