"""Settings of a service: `DRIFTLINE_*` from the environment, or a YAML file; one frozen class per service.

A service adds its own fields to `ServiceSettings` (a process without tokens, database and replicas to `ProcessSettings`) and calls
`load`. The environment wins over the file
named by `DRIFTLINE_SETTINGS_FILE`, whose keys are the field names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from driftline.errors import ConfigurationError
from driftline.wording import own_words

__all__ = ["ProcessSettings", "ServiceSettings", "described", "load"]

PREFIX = "DRIFTLINE_"
_FILE = f"{PREFIX}SETTINGS_FILE"


class ProcessSettings(BaseSettings):
    """What every process that listens is told."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_ignore_empty=True)

    data_dir: Path = Field(default=Path(".driftline"), description="folder for local state")
    http_host: str = Field(default="127.0.0.1", description="address to listen on")
    http_port: int = Field(default=..., ge=0, le=65535, description="port to listen on; 0 takes any free one")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")
    log_format: Literal["text", "json"] = Field(default="text", description="lines for people, or JSON for machines")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        from_file = InitSettingsSource(settings_cls, _file_values(settings_cls))
        return init_settings, env_settings, from_file


class ServiceSettings(ProcessSettings):
    """What every service is told. Kafka's own settings are `DRIFTLINE_KAFKA_*`, read by the client."""

    tokens_file: Path = Field(default=..., description="file of hashed access tokens (driftline token create)")
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL of a PostgreSQL (the ledger: or MariaDB, MySQL); None is SQLite in data_dir"
    )
    instance_id: str = Field(
        default="1",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="name of this replica, stable over restarts: static membership and transactions hang on it",
    )


_Settings = TypeVar("_Settings", bound=ProcessSettings)


def load(kind: type[_Settings]) -> _Settings:
    """Return the settings; raises ConfigurationError that names every field at fault, never a value.

    Lists and mappings are JSON in the environment.
    """
    try:
        return kind()
    except ValidationError as error:
        faults = "; ".join(
            f"{PREFIX}{str(fault['loc'][0]).upper()} {_say(kind, str(fault['loc'][0]), fault['msg'])}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"wrong settings: {faults}") from None
    except SettingsError as error:
        raise ConfigurationError(f"wrong settings: {error} (lists and mappings are written as JSON)") from None


def described(kind: type[ProcessSettings]) -> str:
    """Return what a service can be told, a line for each variable of the environment, those without a default first."""
    fields = sorted(kind.model_fields.items(), key=lambda named: not named[1].is_required())
    return "".join(
        f"  {PREFIX}{name.upper()}: {field.description}{'' if field.is_required() else f' [{field.get_default()}]'}\n"
        for name, field in fields
    )


def _say(kind: type[ProcessSettings], field: str, problem: str) -> str:
    described = kind.model_fields[field].description if field in kind.model_fields else None
    about = f" ({described})" if described else ""
    return f"is not set{about}" if problem == "Field required" else f"is refused: {own_words(problem)}{about}"


def _file_values(kind: type[BaseSettings]) -> dict[str, Any]:
    """Read the file; it may hold settings of other services too, so only known keys count."""
    path = os.environ.get(_FILE)
    if not path:
        return {}
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{_FILE}={path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{_FILE}={path} must hold a mapping of settings")
    return {str(key): value for key, value in found.items() if key in kind.model_fields}
