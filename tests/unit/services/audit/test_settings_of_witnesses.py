"""What the audit service makes of its policy and cosigner's keys, and what it refuses to start with."""

from pathlib import Path

import pytest

from driftline import topics
from driftline.clock import ManualClock
from driftline.errors import ConfigurationError
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.cosignature import Algorithm, Cosigner
from driftline.ledger.report import Level, Verdict
from driftline.runtime.health_events import HealthEvents
from services.audit.adapters.checkpoints import CheckpointPublisher
from services.audit.app import open_verifier, open_witnessing
from services.audit.jobs import Verifier
from services.audit.settings import AuditSettings
from services.audit.witnessing import Witnessing
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, ledger
from tests.unit.services.audit.witness.log_and_witness import W1

POLICY = f"witness w1 {W1.verifier.encode()} http://w1.example.com/\nquorum w1\n"


def opened(folder: Path, **settings: object) -> Witnessing | None:
    clock = ManualClock(1_000_000)
    cluster = MemoryCluster(clock)
    cluster.admin().create([NewTopic(topics.name("health"), 1)])
    made = AuditSettings(tokens_file=folder / "tokens", ledger_key_file=folder / "key", **settings)  # type: ignore[arg-type]
    events = HealthEvents(cluster.producer(), source="audit", clock=clock)
    publisher = CheckpointPublisher(cluster.producer(), ORIGIN, clock)
    return open_witnessing(made, ledger(folder, 20).store, clock, events, publisher)


def written(folder: Path, text: str) -> Path:
    file = folder / "policy"
    file.write_text(text)
    return file


def test_without_policy_and_cosigner_nobody_is_asked(tmp_path: Path) -> None:
    assert opened(tmp_path) is None


def test_a_policy_is_enough(tmp_path: Path) -> None:
    witnessing = opened(tmp_path, ledger_policy_file=written(tmp_path, POLICY))
    assert witnessing is not None
    assert witnessing.witnessed == 0


def test_a_key_of_ml_dsa_beside_the_ledgers_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "key.cosigner"
    file.write_text(Cosigner(ORIGIN, bytes(32), Algorithm.ML_DSA_44).encode())
    file.chmod(0o600)
    assert opened(tmp_path) is not None
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        opened(tmp_path)
    file.chmod(0o600)
    file.write_text("nonsense")
    with pytest.raises(ConfigurationError, match="no cosigning keys"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "line 1 of the policy"),
        ("", "exactly one quorum"),
        (POLICY.replace("http://", "ftp://"), "https://host/path"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        opened(tmp_path, ledger_policy_file=written(tmp_path, text))


def test_a_policy_that_is_not_there_and_networks_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the policy"):
        opened(tmp_path, ledger_policy_file=tmp_path / "policy")
    with pytest.raises(ConfigurationError, match="ALLOW_ADDRESSES"):
        opened(tmp_path, ledger_policy_file=written(tmp_path, POLICY), ledger_witness_allow_addresses=["inside"])


def verifier(folder: Path, **given: object) -> Verifier:
    made = AuditSettings(tokens_file=folder / "tokens", ledger_key_file=folder / "key", **given)  # type: ignore[arg-type]
    return open_verifier(made, ledger(folder, 20).store, KEY.verifier, None, MemoryCluster(ManualClock(0)))


def test_verification_at_level_witness_needs_a_quorum_to_ask_for(tmp_path: Path) -> None:
    for given in ({}, {"ledger_policy_file": written(tmp_path, "quorum none\n")}):
        with pytest.raises(ConfigurationError, match="DRIFTLINE_LEDGER_POLICY_FILE"):
            verifier(tmp_path, ledger_verify_level="witness", **given)


def test_verification_at_level_witness_gives_no_verdict_without_a_quorum(tmp_path: Path) -> None:
    silent = POLICY.replace(" http://w1.example.com/", "")
    report = verifier(tmp_path, ledger_verify_level="witness", ledger_policy_file=written(tmp_path, silent)).verify(
        Level.WITNESS
    )
    assert report.verdict is Verdict.UNVERIFIABLE
    assert report.witnessed is not None
    (doubt,) = report.witnessed.unchecked
    assert "has no URL" in doubt
