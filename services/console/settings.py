"""Settings of the console."""

from pathlib import Path

from pydantic import Field

from driftline.runtime.settings import ServiceSettings

_REPOSITORY = Path(__file__).resolve().parents[2]


class ConsoleSettings(ServiceSettings):
    """As every service, and where the runbooks lie."""

    http_port: int = Field(default=8080, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    runbooks_dir: Path = Field(
        default=_REPOSITORY / "docs" / "runbooks", description="folder of the runbooks that alerts link to"
    )

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the read models."""
        return self.database_url or f"sqlite:///{self.data_dir / 'console.db'}"
