"""Every reader of what strangers hand in, against forgeries: it refuses in its own words, or says what is true all the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from driftline.ledger.archive import unpack, unseal
from driftline.ledger.bundle import check_bundle
from driftline.ledger.checkpoint import Checkpoint, Note, SigningKey, VerifierKey, open_checkpoint, verifier_keys
from driftline.ledger.cosignature import cosigner_keys, cosigners
from driftline.ledger.digest import parse_statement
from driftline.ledger.entries import Query
from driftline.ledger.errors import KeyMalformed, LeafMalformed, LedgerError, PolicyMalformed, ProofMalformed
from driftline.ledger.growth import Growth, check_growth
from driftline.ledger.keeping import HOLD, RELEASE, RETENTION, Statement, keeping_of
from driftline.ledger.leaf import decode, encode
from driftline.ledger.messages import MessageProof, check_message, check_messages, unpack_messages
from driftline.ledger.policy import parse_policy
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.report import FindingKind, Level
from driftline.ledger.review import REVIEWED
from driftline.ledger.rollback import ROLLBACK, rollback_of
from driftline.ledger.rotation import KEY_ROTATED
from driftline.ledger.store import UrlObjects, verify_store
from driftline.ledger.store.assessing import evidence_of
from driftline.ledger.tiles import tile_at
from driftline.ledger.withdrawal import ARCHIVED as ARCHIVAL
from driftline.ledger.withdrawal import ERASED, Withdrawal, Withdrawals, withdrawal_of
from driftline.ledger.witnessed import FoundNote, check_witnessed, require_quorum
from examples import verify_ledger
from services.audit.witness.cosigning import NotCosigned
from tests.unit.ledger.handed_out import ARCHIVED, POLICY, WITNESSES, HandedOut, cosigned_note, handed_out
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, writer_at
from tests.unit.ledger.mutations import forged, forgeries
from tests.unit.ledger.test_messages import message, statement
from tests.unit.services.audit.witness.log_and_witness import Log, witness_at

KEYFILE = KEY.successor(b"\5" * 32, 20).successor(b"\6" * 32, 25)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> HandedOut:
    return handed_out(tmp_path_factory.mktemp("ledger"))


def test_forged_receipts_prove_nothing_false(out: HandedOut) -> None:
    for seed, data in forgeries(*out.receipts):
        try:
            receipt = Receipt.parse(data)
            checked = check_receipt(receipt, KEY.verifier)
        except LedgerError:
            continue
        assert out.of_log(checked.leaf), seed
        assert checked.checkpoint in out.heads, seed
        assert out.discloses_truth(receipt.opening), seed


def test_forged_growth_proves_nothing_false(out: HandedOut) -> None:
    for seed, data in forgeries(*out.growths):
        for older in out.notes:
            try:
                pair = check_growth(Growth.parse(data), older, KEY.verifier)
            except LedgerError:
                continue
            assert set(pair) <= set(out.heads), seed


def test_forged_bundles_prove_nothing_false(out: HandedOut) -> None:
    for seed, data in forgeries(*out.bundles):
        try:
            report = check_bundle(data.splitlines(keepends=True), KEY.verifier)
        except LedgerError:
            continue
        assert out.true_bundle(report), seed


def test_forged_message_proofs_prove_nothing_false(out: HandedOut) -> None:
    truth = {number: message(number).hash() for number in range(100, 103)}
    for seed, data in forgeries(*out.message_proofs):
        try:
            proof = MessageProof.parse(data)
            checked, of = check_message(proof, KEY.verifier)
        except LedgerError:
            continue
        assert out.of_log(checked.leaf), seed
        assert (of, proof.message.hash()) == (ARCHIVED, truth[proof.message.offset]), seed


def test_forged_files_of_messages_are_not_those_of_the_digest(out: HandedOut) -> None:
    honest = [message(number) for number in range(100, 103)]
    for seed, data in forgeries(out.messages):
        try:
            messages = unpack_messages(data)
            check_messages(messages, ARCHIVED, statement(honest, ARCHIVED))
        except LedgerError:
            continue
        assert [one.hash() for one in messages] == [one.hash() for one in honest], seed


def test_forged_heads_are_neither_opened_nor_witnessed(out: HandedOut) -> None:
    policy = parse_policy(POLICY.encode())
    notes = [cosigned_note(note, by).encode() for note, by in zip(out.notes, ((0, 1), (1, 2), (0,), ()), strict=True)]
    cosigned = out.heads[:2]
    for seed, data in forgeries(*notes):
        text = data.decode("utf-8", "replace")
        witnessed, heads = check_witnessed([FoundNote(text, "somewhere")], policy=policy, key=KEY.verifier)
        assert {(head.size, head.root) for head in heads} <= {(head.size, head.root) for head in out.heads}, seed
        assert witnessed.size in {0, *(head.size for head in cosigned)}, seed
        try:
            head = open_checkpoint(text, KEY.verifier)
            assert head in out.heads, seed
            require_quorum(text, policy)
        except LedgerError:
            continue
        assert head in cosigned, seed


def test_a_witness_cosigns_no_forged_request_of_another_history(tmp_path: Path) -> None:
    log, witness = Log(), witness_at(tmp_path)
    heads = {log.head(size) for size in (5, 9, 12, 20)}
    witness.add_checkpoint(log.growth(0, 5))
    for seed, data in forgeries(log.growth(5, 9), log.growth(5, 12), log.growth(9, 20), log.growth(0, 9)):
        try:
            head, _ = witness.add_checkpoint(data)
        except NotCosigned as refused:
            assert refused.code in {400, 403, 404, 409, 422}, seed
        else:
            assert head in heads, seed


def test_forged_leaves_are_malformed_or_other_leaves_in_their_one_form(out: HandedOut) -> None:
    for seed, data in forgeries(*(entry.leaf for entry in out.entries)):
        try:
            leaf = decode(data)
        except LeafMalformed:
            continue
        assert encode(leaf) == data, seed


def test_forged_objects_of_the_archive_open_nothing_else(out: HandedOut) -> None:
    for seed, data in forgeries(out.object):
        try:
            contents = unpack(data)
        except ProofMalformed:
            continue
        for entry in out.entries[:5]:
            try:
                found = unseal(entry.salt or b"", contents.get(entry.seq, b""))
            except ProofMalformed:
                continue
            assert found == (entry.payload, entry.details), seed


def _keys(text: str) -> object:
    return {name: (key.key_id, key.former) for name, key in verifier_keys(text).items()}


READERS: Mapping[str, tuple[Callable[[str], object], str, type[Exception]]] = {
    "policy": (lambda text: parse_policy(text.encode("utf-8", "surrogatepass")), POLICY, PolicyMalformed),
    "verifier key": (VerifierKey.parse, KEYFILE.verifier.lines(), KeyMalformed),
    "keys of logs": (_keys, f"# logs\n{KEYFILE.verifier.lines()}{SigningKey('b', bytes(32)).verifier.lines()}", KeyMalformed),
    "signing key": (SigningKey.parse, KEYFILE.encode(), KeyMalformed),
    "keys of a witness": (cosigners, "".join(WITNESSES[0].encode() + "\n" for _ in range(2)), KeyMalformed),
    "verifier keys of witnesses": (cosigner_keys, "".join(key.verifier.encode() + "\n" for key in WITNESSES), KeyMalformed),
    "checkpoint": (Checkpoint.parse, Checkpoint("log", 7, bytes(32)).text(), LedgerError),
    "note": (Note.parse, cosigned_note(Log().note(10), (0, 1)), LedgerError),
    "path of a tile": (tile_at, "entries/x001/234.p/255", LedgerError),
}


@pytest.mark.parametrize("kind", READERS)
def test_forged_texts_are_read_or_refused(kind: str) -> None:
    read, valid, refusal = READERS[kind]
    for _, data in forgeries(valid.encode()):
        try:
            read(data.decode("utf-8", "replace"))
        except refusal:
            continue


STATEMENTS = [
    b'{"entries":[[0,3],[5,9]],"reason":"r","v":1}',
    b'{"entries":[[1,2]],"object":"payloads/1.jsonl","reason":"r","sha256":"%s","v":1}' % (b"ab" * 32),
    b'{"reason":"r","target_hash":"%s","target_seq":3,"v":1}' % (b"00" * 32),
    b'{"actor":null,"reason":"r","resource":["a","b"],"since":1,"topic":"t","until":2,"v":1}',
    b'{"archive_days":1,"expire_days":3,"keep_days":2,"reason":"r","v":1}',
    statement([message(3)], ARCHIVED),
]


def test_forged_statements_of_a_log_are_read_or_say_nothing() -> None:
    """Whoever holds the key can write them: they must not stop a verification."""
    for seed, data in forgeries(*STATEMENTS):
        found = [withdrawal_of(9, action, ("subject", "x"), data) for action in (ERASED, ARCHIVAL)]
        for each in filter(None, found):
            assert _sound(each), seed
        Withdrawals(filter(None, found)).erased_by(2)
        rollback = rollback_of(9, data)
        assert rollback is None or 0 <= rollback.target < 9, seed
        keeping = keeping_of([Statement(n, action, "x", data) for n, action in enumerate((HOLD, RELEASE, RETENTION, HOLD))])
        assert len(keeping.holds) == 1, seed
        try:
            parse_statement(data)
        except LeafMalformed:
            continue


def test_a_ledger_full_of_forged_statements_is_still_verified(tmp_path: Path) -> None:
    writer, actions = writer_at(tmp_path), (ERASED, ARCHIVAL, ROLLBACK, HOLD, RELEASE, RETENTION, REVIEWED, KEY_ROTATED)
    drafts = [
        replace(draft(seed, source=None, payload=data), action=action)
        for action, start in zip(actions, range(0, 10**6, 10**5), strict=False)
        for seed, data in islice(((start + seed, data) for seed, data in forgeries(*STATEMENTS)), 30)
    ]
    writer.append([replace(each, entry_id=number.to_bytes(16)) for number, each in enumerate(drafts)], [], now=1)
    archive = UrlObjects(f"file://{tmp_path}/archive")
    report = verify_store(writer.store, Level.FULL, key=KEY.verifier, archive=archive)
    assert {finding.kind for finding in report.findings} == {FindingKind.ERASURE_UNDONE}  # they say so of what is there
    with writer.store.snapshot() as snapshot:
        assert evidence_of(snapshot, ORIGIN, report, now=2).entries == len(drafts)
        assert len(list(snapshot.entries(Query(effective=True, limit=None)))) <= len(drafts)


def _sound(said: Withdrawal) -> bool:
    return all(0 <= first < end <= 9 for first, end in said.entries) and type(said.object) in {str, type(None)}


def test_the_script_proves_nothing_false(out: HandedOut) -> None:
    vkey, truth = KEY.verifier.encode(), {entry.leaf for entry in out.entries}
    for seed, data in forgeries(*out.receipts, *out.bundles):
        try:
            text = data.decode()
            verify_ledger.want(text.endswith("\n"), "cut off")
            if not text.startswith("{"):
                verify_ledger.check_receipt(text, vkey)
                assert Receipt.parse(data).opening.leaf in truth, seed
                continue
            verify_ledger.check_bundle(text, vkey)
        except AssertionError:
            raise
        except Exception:
            continue
        assert out.true_bundle(check_bundle(data.splitlines(keepends=True), KEY.verifier)), seed


def test_the_forgeries_of_a_seed_are_always_the_same(out: HandedOut) -> None:
    assert forged(random.Random(7), out.bundles) == forged(random.Random(7), out.bundles)
