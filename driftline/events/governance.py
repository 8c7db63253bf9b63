"""Who decided what about a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered:
    """A model entered the registry, or its description changed."""

    model_id: str
    """Model."""
    description: str
    """For people."""
    owner: str
    """Who answers for it."""
    tags: Mapping[str, str]
    """Free."""
    actor: str
    """Who did it."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersionRegistered:
    """A version of a model entered the registry."""

    model_id: str
    """Model."""
    model_version: str
    """Version."""
    description: str
    """For people."""
    artifact_digest: str | None = None
    """SHA-256 of the artifact, hex."""
    tags: Mapping[str, str]
    """Free."""
    actor: str
    """Who did it."""
    at: int
    """When, microseconds."""


class Stage(StrEnum):
    """Symbols of FromStage, Stage, ToStage in the schemas."""

    DEVELOPMENT = "DEVELOPMENT"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged:
    """A version moved between stages."""

    model_id: str
    """Model."""
    model_version: str
    """Version."""
    from_stage: Stage
    """Before."""
    to_stage: Stage
    """After."""
    reason: str
    """Why, in words."""
    actor: str
    """Who did it."""
    at: int
    """When, microseconds."""
