"""Names that follow from a model's id: `catalog.schema.model` lies in the namespace `catalog.schema`."""

from __future__ import annotations

__all__ = ["in_namespace", "namespace_of", "short_name", "table_of"]


def namespace_of(model_id: str) -> str:
    """What stands before the last dot; "" without one."""
    return model_id.rpartition(".")[0]


def short_name(model_id: str) -> str:
    """What stands after the last dot."""
    return model_id.rpartition(".")[2]


def in_namespace(model_id: str, namespace: str) -> bool:
    """Whether a model lies in a namespace, or in one within it."""
    return namespace_of(model_id) == namespace or model_id.startswith(f"{namespace}.")


def table_of(model_id: str, table: str, schema: str | None = None) -> str:
    """Name of a model's table of metrics in a schema, the model's own namespace unless said: `catalog.schema.model_drift_metrics`."""
    where = namespace_of(model_id) if schema is None else schema
    return f"{where}.{short_name(model_id)}_{table}".removeprefix(".")
