"""Settings of a witness."""

from pathlib import Path

from pydantic import Field

from driftline.runtime.settings import ProcessSettings


class WitnessSettings(ProcessSettings):
    """A witness has no tokens (a request is as good as the log's signature in it), no Kafka, and a store that is one file."""

    http_port: int = Field(default=8086, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    witness_key_file: Path = Field(default=..., description="keys of the witness (driftline ledger witness-keygen)")
    witness_logs_file: Path = Field(default=..., description="verifier keys of the logs it cosigns, one per line")

    @property
    def store_file(self) -> Path:
        """SQLite file of what was cosigned."""
        return self.data_dir / "witness.db"
