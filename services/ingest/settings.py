"""Settings of ingest."""

from pydantic import Field

from driftline.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """As every service, and what bounds a request."""

    http_port: int = Field(default=8081, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    body_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=1024, description="largest body of a request")
    acknowledge_timeout_seconds: float = Field(
        default=10.0, ge=1, le=300, description="how long the broker may take to acknowledge before the caller is told 503"
    )
    in_flight_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="bodies of requests not answered yet, before callers are told 429",
    )
    redis_url: str | None = Field(default=None, description="Redis that replicas share Idempotency-Keys in; None is SQLite")
    idempotency_seconds: int = Field(default=24 * 3600, ge=60, description="how long an Idempotency-Key is remembered")
