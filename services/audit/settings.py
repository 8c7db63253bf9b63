"""Settings of the audit service."""

from pathlib import Path

from pydantic import Field

from driftline.ledger.compliance import RegimeName
from driftline.ledger.report import Level
from driftline.ledger.store import cosigner_file, signed_file
from driftline.runtime.settings import ServiceSettings


class UpkeepSettings(ServiceSettings):
    """As every service, and what is done with payloads, how the ledger is verified, and who is told of it."""

    ledger_archive_url: str | None = Field(
        default=None, description="archive of payloads and messages, such as file:///archive or s3://bucket/ledger"
    )
    ledger_keep_messages: bool = Field(
        default=False, description="write what is digested to the archive, a file for each digest; needs ledger_archive_url"
    )
    ledger_check_messages_seconds: float = Field(
        default=0.0, ge=0, description="time between checks of all kept messages, 0 for none; needs ledger_archive_url"
    )
    ledger_archive_seconds: float = Field(
        default=0.0, ge=0, description="time between runs that archive by retention, 0 for none; needs ledger_archive_url"
    )
    ledger_expire_seconds: float = Field(default=0.0, ge=0, description="time between runs that erase by retention, 0 for none")
    ledger_verify_seconds: float = Field(default=3_600.0, ge=0, description="time between verifications; 0 for none")
    ledger_verify_level: Level = Field(
        default=Level.FULL, description="how deep they look (driftline ledger verify); witness needs ledger_policy_file"
    )
    ledger_verify_jobs: int = Field(default=1, ge=1, le=64, description="processes that verify a large ledger")
    ledger_report_seconds: float = Field(
        default=0.0, ge=0, description="period of a report, 0 for none; needs ledger_report_url and ledger_report_regimes"
    )
    ledger_report_regimes: list[RegimeName] = Field(
        default=[], description='regimes that are reported on (driftline ledger report), such as ["sox", "gdpr"]'
    )
    ledger_report_url: str | None = Field(
        default=None, description="folder or bucket for reports, such as file:///reports or s3://bucket/reports"
    )


class AuditSettings(UpkeepSettings):
    """As every service, and what the ledger wants."""

    http_port: int = Field(default=8084, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    ledger_key_file: Path = Field(default=..., description="signing key of the ledger (driftline ledger keygen)")
    ledger_signed_file: Path | None = Field(
        default=None,
        description="file of the last signed head, kept apart from the database; by default beside the key",
    )
    ledger_adopt_head: bool = Field(
        default=False, description="start although the file of the last signed head is gone: once, after a verification"
    )
    ledger_cluster: str = Field(
        default="kafka", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="name of the Kafka cluster in entries"
    )
    ledger_digest_seconds: float = Field(default=1.0, gt=0, le=60, description="a digest covers at most so much time")
    ledger_digest_records: int = Field(
        default=10_000, ge=1, le=1_000_000, description="a digest covers at most so many records"
    )
    ledger_policy_file: Path | None = Field(
        default=None, description="witnesses and their quorum (C2SP tlog-policy); None: no witness is asked"
    )
    ledger_witness_seconds: float = Field(default=1.0, gt=0, le=3_600, description="time between heads shown to witnesses")
    ledger_witness_timeout_seconds: float = Field(default=5.0, gt=0, le=60, description="how long a witness may take")
    ledger_witness_allow_addresses: list[str] = Field(
        default=[], description="private networks in which witnesses may be asked, such as 10.20.0.0/16"
    )
    ledger_anchor_url: str | None = Field(
        default=None,
        description="folder or bucket for signed heads (file:///..., s3://...), away from the database; None for none",
    )
    ledger_anchor_seconds: float = Field(default=60.0, gt=0, le=86_400, description="time between anchors")

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.database_url or f"sqlite:///{self.data_dir / 'audit.db'}"

    @property
    def cosigner_file(self) -> Path:
        """Keys of the ledger that cosign its heads, if it has any (driftline ledger keygen --post-quantum)."""
        return cosigner_file(self.ledger_key_file)

    @property
    def signed_file(self) -> Path:
        """File of the last signed head."""
        return self.ledger_signed_file or signed_file(self.ledger_key_file)
