"""Receipts, growth, bundles and cosignatures before golang.org/x/mod (sumdb/note and sumdb/tlog, unmodified): what we sign it accepts, what is
changed it rejects. Skipped where Go, or the module, is not to be had; `tests/unit/ledger/proof_vectors.json` was accepted by it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from driftline.ledger.bundle import check_bundle
from driftline.ledger.checkpoint import Note
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerError
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.store import bundle_of, growth_of, receipt_of
from tests.unit.ledger.handed_out import handed_out
from tests.unit.ledger.ledger_builders import KEY, ledger
from tests.unit.ledger.mutations import forgeries
from tests.unit.services.audit.witness.log_and_witness import W1, Log, witness_at

pytestmark = pytest.mark.integration

SOURCE = Path(__file__).parent / "ledger_go"
VECTORS = Path(__file__).parent.parent / "unit" / "ledger" / "proof_vectors.json"
COSIGNED = VECTORS.with_name("vectors.json")
Judge = Callable[[list[dict[str, Any]]], list[str]]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    program = tmp_path_factory.mktemp("go") / "ledger-go"
    environment = os.environ | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    built = subprocess.run(
        ["go", "build", "-o", program, "."], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        if "golang.org/x/mod" in built.stderr:
            pytest.skip(f"golang.org/x/mod is not to be had: {built.stderr.strip()[-200:]}")
        pytest.fail(built.stderr)

    def ask(cases: list[dict[str, Any]]) -> list[str]:
        lines = b"\n".join(orjson.dumps(case) for case in cases)
        done = subprocess.run([program], input=lines, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout.decode().splitlines()

    return ask


def case(kind: str, data: bytes, older: str = "") -> dict[str, Any]:
    encoded = {name: base64.b64encode(value).decode() for name, value in (("data", data), ("older", older.encode()))}
    return {"kind": kind, "vkey": KEY.verifier.encode(), **encoded}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    cases = []
    for entries in (1, 2, 20, 300):
        store = ledger(tmp_path_factory.mktemp("ledger"), entries).store
        with store.snapshot() as snapshot:
            chosen = [entry for entry in snapshot.entries(Query(limit=None)) if entry.seq % 7 == 0]
            cases += [case("receipt", receipt_of(snapshot, entry, payload=entry.seq % 2 == 0).encode()) for entry in chosen]
            for row in snapshot.checkpoints():
                assert row.note is not None
                cases.append(case("growth", growth_of(snapshot, row.size).encode(), row.note))
            queries = (Query(), Query(since=1_001, until=1_003), Query(resource=("model", "m1")))
            cases += [case("bundle", b"".join(bundle_of(snapshot, query, payloads=False))) for query in queries]
        store.close()
    return cases


def test_go_accepts_everything_that_the_ledger_hands_out(judge: Judge, good: list[dict[str, Any]]) -> None:
    assert len(good) > 80
    assert judge(good) == ["accepted"] * len(good)


def test_go_accepts_the_committed_vectors(judge: Judge) -> None:
    vectors = json.loads(VECTORS.read_text())
    cases = [case(kind, vectors[kind].encode(), vectors["checkpoint"]) for kind in ("receipt", "growth", "bundle")]
    assert judge(cases) == ["accepted"] * 3


def test_go_rejects_every_change_of_proof_or_head(judge: Judge, good: list[dict[str, Any]]) -> None:
    forged = []
    for each in ([c for c in good if c["kind"] == kind][-1] for kind in ("receipt", "growth")):
        data = base64.b64decode(each["data"])
        start = data.index(b"\nindex ") + 1 if each["kind"] == "receipt" else 0
        for place in range(start, len(data)):
            # The last digit of base64 has bits that mean nothing: ours are refused for them, Go's decoder takes them.
            if data[place + 1 : place + 2] != b"=":
                changed = bytearray(data)
                changed[place] ^= 1
                forged.append(each | {"data": base64.b64encode(changed).decode()})
    verdicts = judge(forged)
    assert len(forged) > 600
    assert [verdict.split(":")[0] for verdict in verdicts] == ["rejected"] * len(forged)


def test_go_rejects_changed_missing_and_foreign_entries(judge: Judge, good: list[dict[str, Any]]) -> None:
    receipt = base64.b64decode([c for c in good if c["kind"] == "receipt"][-1]["data"])
    lines = receipt.split(b"\n")
    opening = base64.b64decode(lines[1].removeprefix(b"extra ")).replace(b"drift.detected", b"drift.approved")
    lines[1] = b"extra " + base64.b64encode(opening)
    forged = [case("receipt", b"\n".join(lines))]
    bundle = base64.b64decode([c for c in good if c["kind"] == "bundle"][-1]["data"]).splitlines(keepends=True)
    for place in range(1, len(bundle) - 1, 9):
        forged.append(case("bundle", b"".join(bundle[:place] + bundle[place + 1 :])))
        changed = bundle[place].replace(b"drift.detected", b"drift.approved")
        forged.append(case("bundle", b"".join([*bundle[:place], changed, *bundle[place + 1 :]])))
    assert all(verdict.startswith("rejected") for verdict in judge(forged))


def test_go_accepts_no_forgery_of_another_entry_or_head(judge: Judge, tmp_path: Path) -> None:
    """It knows neither what is disclosed nor what a bundle was asked for: entries and heads, it must not believe falsely."""
    out = handed_out(tmp_path)
    leaves = {entry.leaf.decode() for entry in out.entries}
    made = [("receipt", data) for _, data in forgeries(*out.receipts)] + [
        ("bundle", data) for _, data in forgeries(*out.bundles)
    ]
    verdicts = judge([case(kind, data) for kind, data in made])
    assert len(verdicts) == len(made)
    for (kind, data), verdict in zip(made, verdicts, strict=True):
        if verdict == "accepted":
            assert set(shown(kind, data)) <= leaves, data
        else:
            with pytest.raises(LedgerError):
                checked(kind, data)


def shown(kind: str, data: bytes) -> list[str]:
    """The leaves in what was handed out; as Go does, with letters of any case, and replaced where they are no UTF-8."""
    lines = data.removesuffix(b"\n").split(b"\n")
    openings = [base64.b64decode(lines[1].removeprefix(b"extra "))] if kind == "receipt" else lines[1:-1]
    found = [json.loads(opening.decode("utf-8", "replace")) for opening in openings]
    return [value for opening in found for name, value in opening.items() if name.lower() == "leaf"]


def checked(kind: str, data: bytes) -> object:
    """Check it by ourselves."""
    if kind == "receipt":
        return check_receipt(Receipt.parse(data), KEY.verifier)
    return check_bundle(data.splitlines(keepends=True), KEY.verifier)


def cosigned(note: str, witness: str) -> dict[str, Any]:
    return case("cosigned", note.encode()) | {"witness": witness}


def test_go_accepts_what_the_witness_cosigns(judge: Judge, tmp_path: Path) -> None:
    log, witness, old, cases = Log(), witness_at(tmp_path), 0, []
    for size in (1, 2, 3, 100, 300):
        _, lines = witness.add_checkpoint(log.growth(old, size))
        cases += [
            cosigned(log.note(size) + lines, W1.verifier.encode()),
            case("growth", log.growth(old or 1, size), log.note(old or 1)),
        ]
        old = size
    assert judge(cases) == ["accepted"] * len(cases)


def test_go_accepts_the_committed_cosignatures(judge: Judge) -> None:
    vectors = json.loads(COSIGNED.read_text())
    cases = [cosigned(tree["note"], vectors["witness_vkey"]) for tree in vectors["trees"]]
    assert judge(cases) == ["accepted"] * len(cases)


def test_go_rejects_every_change_of_a_cosigned_head(judge: Judge, tmp_path: Path) -> None:
    log = Log()
    _, lines = witness_at(tmp_path).add_checkpoint(log.growth(0, 20))
    note = (log.note(20) + lines).encode()
    log_line, witness_line = (Note.parse(note.decode()).signatures[at].line() for at in (0, 1))
    forged = [
        cosigned(log.note(20), W1.verifier.encode()),
        cosigned(note.decode().replace(log_line, ""), W1.verifier.encode()),
        cosigned(log.note(21) + witness_line, W1.verifier.encode()),
    ]
    for place in range(len(note)):
        # As above: the last digit of base64 has bits that mean nothing to Go.
        if note[place + 1 : place + 2] not in {b"=", b""} and note[place : place + 2] != b"=\n":
            changed = bytearray(note)
            changed[place] ^= 1
            encoded = base64.b64encode(changed).decode()
            forged.append(cosigned("", W1.verifier.encode()) | {"data": encoded})
    verdicts = judge(forged)
    assert len(forged) > 300
    assert [verdict.split(":")[0] for verdict in verdicts] == ["rejected"] * len(forged)
