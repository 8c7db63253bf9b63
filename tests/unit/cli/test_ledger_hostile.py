"""`driftline ledger` on forged files: exit 1 or 2 with a sentence, never a traceback, never "proven" of what is not so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.cli import ledger_inputs
from driftline.ledger.bundle import check_bundle
from driftline.ledger.checkpoint import open_checkpoint
from driftline.ledger.errors import LedgerError
from driftline.ledger.export import Format, export
from tests.unit.ledger.handed_out import POLICY, HandedOut, cosigned_note, handed_out
from tests.unit.ledger.ledger_builders import KEY
from tests.unit.ledger.mutations import FORGERIES, forgeries

Run = Callable[..., tuple[int, str]]
SOME = max(24, FORGERIES // 8)
UNEXPECTED = "DRIFTLINE_DEBUG"
"""What is said of an error that nobody thought of."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def out(folder: Path) -> HandedOut:
    return handed_out(folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[int, str, str]]) -> Run:
    for name in ("KEY_FILE", "SIGNED_FILE", "ANCHOR_URL", "ARCHIVE_URL", "POLICY_FILE"):
        monkeypatch.delenv(f"DRIFTLINE_LEDGER_{name}", raising=False)
    monkeypatch.setenv("DRIFTLINE_LEDGER_VKEY", KEY.verifier.encode())

    def call(*words: object) -> tuple[int, str]:
        code, said, error = command("ledger", *words)
        assert UNEXPECTED not in error, error
        assert "Traceback" not in said + error
        return code, said

    return call


@pytest.mark.parametrize("kind", ["receipt", "bundle", "growth", "message"])
def test_forged_proofs_are_refused(out: HandedOut, run: Run, tmp_path: Path, kind: str) -> None:
    valid = {"receipt": out.receipts, "bundle": out.bundles, "growth": out.growths[1:2], "message": out.message_proofs}[kind]
    file, older = tmp_path / "file", tmp_path / "older"
    older.write_text(out.notes[1])
    more = ("--older", older) if kind == "growth" else ()
    for seed, data in list(forgeries(*valid))[:SOME]:
        file.write_bytes(data)
        code, said = run(f"check-{kind}", file, *more, "--json")
        if code:
            assert (code, json.loads(said or '{"valid":false}')["valid"]) in {(1, False), (2, False)}, seed
            continue
        assert kind == "bundle", seed  # one of another, true selection
        assert out.true_bundle(check_bundle(data.splitlines(keepends=True), KEY.verifier)), seed


@pytest.mark.parametrize("form", [Format.JSON, Format.JSONL, Format.CSV])
def test_exports_without_proofs_prove_nothing_forged_or_not(out: HandedOut, run: Run, tmp_path: Path, form: Format) -> None:
    valid = "".join(export(out.entries, form, payloads=True)).encode()
    file = tmp_path / "file"
    for data in [valid, *(made for _, made in forgeries(valid))][: SOME // 4]:
        file.write_bytes(data)
        for command in ("check-bundle", "check-receipt", "check-message"):
            assert run(command, file)[0] == 1


def test_forged_policies_let_no_proof_pass_without_its_quorum(out: HandedOut, run: Run, tmp_path: Path) -> None:
    """A policy is the word of whoever checks: another one may want less, but is read as it says or not at all."""
    file, policy = tmp_path / "file", tmp_path / "policy"
    file.write_bytes(out.receipts[3])
    for seed, data in list(forgeries(POLICY.encode()))[:SOME]:
        policy.write_bytes(data)
        code, _ = run("check-receipt", file, "--policy", policy)
        assert code in {1, 2} or b"quorum none" in data, seed


def test_forged_keys_prove_nothing(out: HandedOut, run: Run, tmp_path: Path) -> None:
    file, key = tmp_path / "file", tmp_path / "key"
    file.write_bytes(out.receipts[3])
    for seed, data in list(forgeries(KEY.successor(b"\1" * 32, 5).verifier.encode().encode()))[:SOME]:
        key.write_bytes(data)
        assert run("check-receipt", file, "--key", key)[0] in {1, 2}, seed


def test_forged_heads_are_nothing_to_verify_against(out: HandedOut, run: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "head"
    database = ("--database", f"sqlite:///{folder}/ledger.db")
    assert run("verify", *database)[0] == 0
    for seed, data in list(forgeries(*(cosigned_note(note, (0,)).encode() for note in out.notes)))[: SOME // 2]:
        file.write_bytes(data)
        for option in ("--since-checkpoint", "--last-signed"):
            code, _ = run("verify", *database, option, file)
            assert code in {1, 2} or _opens(data), seed


def _opens(data: bytes) -> bool:
    try:
        open_checkpoint(data.decode(), KEY.verifier)
    except (LedgerError, UnicodeDecodeError):
        return False
    return True


def test_a_file_that_does_not_end_is_not_read_to_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_inputs, "LARGEST_PROOF", 1_000)
    assert run("check-receipt", "/dev/zero")[0] == 2
    assert run("check-message", "/dev/zero")[0] == 2
    assert run("check-bundle", "/dev/zero")[0] == 1


def test_a_key_with_many_former_ones_may_be_given_as_text(run: Run, out: HandedOut, tmp_path: Path) -> None:
    key = KEY.verifier.encode()
    lines = [key, *(f"{key} until {number}" for number in range(9, 0, -1))]
    (tmp_path / "file").write_bytes(out.receipts[3])
    assert run("check-receipt", tmp_path / "file", "--key", "\n".join(lines))[0] == 0
