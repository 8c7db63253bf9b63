"""Settings of governance."""

from pydantic import Field

from driftline.runtime.settings import ServiceSettings


class GovernanceSettings(ServiceSettings):
    """As every service; nothing of its own but the port."""

    http_port: int = Field(default=8085, ge=0, le=65535, description="port to listen on; 0 takes any free one")

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the cache."""
        return self.database_url or f"sqlite:///{self.data_dir / 'governance.db'}"
