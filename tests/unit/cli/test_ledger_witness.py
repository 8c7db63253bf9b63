"""`driftline ledger witness-keygen`, and `keygen --post-quantum`."""

import json
import stat
from pathlib import Path

import pytest

from driftline.cli import main
from driftline.ledger.cosignature import Algorithm, cosigner_keys
from services.audit.app import read_cosigners
from services.audit.witness.app import read_keys


def test_a_ledger_may_have_a_key_of_ml_dsa_beside_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ledger.key"
    with pytest.raises(SystemExit) as ended:
        main(["ledger", "keygen", "--file", str(file), "--name", "log.example.com", "--post-quantum", "--json"])
    assert not ended.value.code
    (key,) = read_cosigners(tmp_path / "ledger.key.cosigner")
    assert key.verifier.algorithm is Algorithm.ML_DSA_44
    assert json.loads(capsys.readouterr().out)["cosigner_vkey"] == key.verifier.encode()
    assert cosigner_keys((tmp_path / "ledger.key.cosigner.vkey").read_text()) == (key.verifier,)


def keygen(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["ledger", "witness-keygen", *map(str, words)])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("more", [(), ("--post-quantum",)], ids=["plain", "post-quantum"])
def test_the_witness_reads_its_keys_and_others_their_verifiers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    file = tmp_path / "keys" / "witness.key"
    assert keygen("--file", file, "--name", "w.example.com/1", *more, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    keys = [key.verifier for key in read_keys(file)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [key.algorithm for key in keys] == list(Algorithm)[: 1 + len(more)]
    assert list(cosigner_keys(Path(told["vkey_file"]).read_text())) == keys
    assert told["vkeys"] == [key.encode() for key in keys]


def test_a_key_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "witness.key"
    assert keygen("--file", file) == 0
    before = file.read_text()
    assert keygen("--file", file) == 2
    assert "exists already" in capsys.readouterr().err
    assert file.read_text() == before
