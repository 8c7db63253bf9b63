"""`driftline ledger witness-keygen`, and `keygen --post-quantum`."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.ledger.cosignature import Algorithm, cosigner_keys
from services.audit.app import read_cosigners
from services.audit.witness.app import read_keys

Command = Callable[..., tuple[int, str, str]]
KEYGEN = ("ledger", "witness-keygen")


def test_a_ledger_may_have_a_key_of_ml_dsa_beside_its_own(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "ledger.key"
    code, out, _ = command("ledger", "keygen", "--file", file, "--name", "log.example.com", "--post-quantum", "--json")
    assert code == 0
    (key,) = read_cosigners(tmp_path / "ledger.key.cosigner")
    assert key.verifier.algorithm is Algorithm.ML_DSA_44
    assert json.loads(out)["cosigner_vkey"] == key.verifier.encode()
    assert cosigner_keys((tmp_path / "ledger.key.cosigner.vkey").read_text()) == (key.verifier,)


@pytest.mark.parametrize("more", [(), ("--post-quantum",)], ids=["plain", "post-quantum"])
def test_the_witness_reads_its_keys_and_others_their_verifiers(tmp_path: Path, command: Command, more: tuple[str, ...]) -> None:
    file = tmp_path / "keys" / "witness.key"
    code, out, _ = command(*KEYGEN, "--file", file, "--name", "w.example.com/1", *more, "--json")
    assert code == 0
    told = json.loads(out)
    keys = [key.verifier for key in read_keys(file)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [key.algorithm for key in keys] == list(Algorithm)[: 1 + len(more)]
    assert list(cosigner_keys(Path(told["vkey_file"]).read_text())) == keys
    assert told["vkeys"] == [key.encode() for key in keys]


def test_a_key_is_never_overwritten(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "witness.key"
    assert command(*KEYGEN, "--file", file)[0] == 0
    before = file.read_text()
    code, _, err = command(*KEYGEN, "--file", file)
    assert code == 2
    assert "exists already" in err
    assert file.read_text() == before
