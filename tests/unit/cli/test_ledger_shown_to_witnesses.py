"""`driftline ledger witness`: the head of a ledger without a service shown to real witnesses, without HTTP in between."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.ledger.cosignature import Cosigner
from driftline.runtime import witness_client
from driftline.runtime.witness_client import Answer
from services.audit.witness.cosigning import NotCosigned, Witness
from services.audit.witness.store import WitnessStore
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger, writer_at

Run = Callable[..., tuple[int, Any]]
Command = Callable[..., tuple[int, str, str]]
KEYS = [Cosigner(f"w{number}.example.com", bytes([number]) * 32) for number in range(2)]
POLICY = "".join(f"witness w{number} {key.verifier.encode()} http://w{number}/\n" for number, key in enumerate(KEYS))


class Direct:
    """A client of a witness in this process; `away`: the URLs where nobody answers."""

    away: set[str]

    def __init__(self, witness: Witness, url: str, away: set[str]) -> None:
        self.witness, self.url, self.away = witness, url, away

    def add(self, request: bytes) -> Answer:
        if self.url in self.away:
            raise Unavailable("nobody there")
        try:
            return Answer(200, self.witness.add_checkpoint(request)[1])
        except NotCosigned as refusal:
            return Answer(refusal.code, f"{refusal.size}\n" if refusal.code == 409 else str(refusal))

    def close(self) -> None:
        """Part of a client."""


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A ledger of 20 entries, a policy of two witnesses that both must cosign; who of them is away."""
    ledger(tmp_path, 20).store.close()
    (tmp_path / "policy").write_text(f"{POLICY}group both all w0 w1\nquorum both\n")
    away: set[str] = set()
    clock = ManualClock(2_000_000_000)
    witnesses = {
        f"http://w{number}/": Witness([key], {ORIGIN: KEY.verifier}, WitnessStore(tmp_path / f"w{number}.db"), clock)
        for number, key in enumerate(KEYS)
    }
    monkeypatch.setattr(witness_client, "WitnessClient", lambda url: Direct(witnesses[url], url, away))
    for name in ("DRIFTLINE_DATABASE_URL", "DRIFTLINE_LEDGER_POLICY_FILE", "DRIFTLINE_LEDGER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRIFTLINE_LEDGER_VKEY", KEY.verifier.encode())
    return away


@pytest.fixture
def run(tmp_path: Path, command: Command, away: set[str]) -> Run:
    def call(*words: object) -> tuple[int, Any]:
        code, out, err = command("ledger", *words, "--database", f"sqlite:///{tmp_path}/ledger.db")
        return code, json.loads(out) if "--json" in words else out + err

    return call


def test_a_head_is_shown_and_what_comes_back_is_kept_for_reports_and_receipts(
    run: Run, tmp_path: Path, command: Command
) -> None:
    policy = tmp_path / "policy"
    assert "driftline ledger witness --policy FILE" in run("report", "--regime", "sox")[1]
    code, said = run("witness", "--policy", policy)
    assert (code, said) == (0, "w0: cosigned\nw1: cosigned\n20 entries shown: a quorum has cosigned them\n")
    assert "witnesses cosigned 20 of 20 entries" in run("report", "--regime", "sox")[1]
    receipt = tmp_path / "receipt"
    assert run("prove", "--sequence", 3, "--output", receipt)[0] == 0
    assert command("ledger", "check-receipt", receipt, "--policy", policy)[0] == 0


def test_it_may_be_shown_again_and_after_more_entries(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    assert run("witness", "--policy", policy)[0] == run("witness", "--policy", policy)[0] == 0
    writer = writer_at(tmp_path)
    with closing(writer.store):
        grow(writer, [[draft(number) for number in range(20, 25)]])
    code, said = run("witness", "--policy", policy, "--json")
    assert code == 0
    assert said == {"size": 25, "quorum": True, "history_refused": False, "witnesses": {"w0": "cosigned", "w1": "cosigned"}}


def test_without_a_quorum_it_says_who_is_missing(run: Run, tmp_path: Path, away: set[str]) -> None:
    away.add("http://w1/")
    code, said = run("witness", "--policy", tmp_path / "policy")
    assert code == 2
    assert "w0: cosigned" in said
    assert "w1: not cosigned: nobody there" in said
    assert "no quorum has cosigned them" in said
    away.clear()
    assert run("witness", "--policy", tmp_path / "policy")[0] == 0


def test_another_history_is_refused_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    assert run("witness", "--policy", tmp_path / "policy")[0] == 0
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    other = tmp_path / "other"
    other.mkdir()
    ledger(other, 10).store.close()
    shutil.copy(other / "ledger.db", tmp_path)
    code, said = run("witness", "--policy", tmp_path / "policy", "--json")
    assert (code, said["history_refused"], said["quorum"]) == (1, True, False)
    assert "an older copy was restored" in said["witnesses"]["w0"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [("quorum none\n", "there is nobody to ask"), (f"{POLICY}quorum nobody\n", "nobody")],
)
def test_a_policy_that_asks_nobody_is_refused(run: Run, tmp_path: Path, policy: str, words: str) -> None:
    (tmp_path / "policy").write_text(policy)
    code, said = run("witness", "--policy", tmp_path / "policy")
    assert code == 2
    assert words in said
    assert "--policy" in run("witness")[1]
