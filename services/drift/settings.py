"""Settings of drift, and the names that other programs need to find its stages."""

from enum import Enum
from pathlib import Path

from pydantic import Field

from driftline.runtime.settings import ServiceSettings


class Stage(Enum):
    """The three parts of drift, each a consumer group of its own."""

    PROFILE = "profile"
    JOIN = "join"
    EVALUATE = "evaluate"

    @property
    def group(self) -> str:
        """Name of its consumer group, the same for every installation."""
        return f"driftline-drift-{self.value}"

    @property
    def reads(self) -> tuple[str, ...]:
        """Topics that the group subscribes to, by their short names."""
        return {
            Stage.PROFILE: ("predictions",),
            Stage.JOIN: ("predictions", "labels"),
            Stage.EVALUATE: ("profiles",),
        }[self]


class Settings(ServiceSettings):
    """As every service, and what to do where records were lost before they were counted."""

    http_port: int = Field(default=8082, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    tokens_file: Path | None = Field(
        default=None, description="who may ask for checks; without it drift serves health and metrics only"
    )  # type: ignore[assignment]
    accept_gap: bool = Field(
        default=False, description="go on where retention passed what was committed; the windows concerned say so"
    )

    def transactional_id(self, stage: Stage) -> str:
        """Stable over restarts: a new start fences the old one and ends its transaction at once."""
        return f"{stage.group}-{self.instance_id}"

    @property
    def join_cache(self) -> Path:
        """Folder of stage join."""
        return self.data_dir / f"drift-join-{self.instance_id}"

    @property
    def state_cache(self) -> Path:
        """SQLite file of stage evaluate."""
        return self.data_dir / f"drift-states-{self.instance_id}.sqlite"
