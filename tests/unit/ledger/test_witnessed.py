"""What cosigned heads prove, by the policy, and what a verification makes of it."""

from dataclasses import replace

import pytest

from driftline.ledger.checkpoint import Note, SigningKey
from driftline.ledger.cosignature import Cosigner
from driftline.ledger.policy import parse_policy
from driftline.ledger.report import Level, Report, Verdict, Witnessed
from driftline.ledger.witnessed import FoundNote, check_witnessed, vouched
from tests.unit.ledger.ledger_builders import KEY, ORIGIN
from tests.unit.services.audit.witness.log_and_witness import Log

LOG = Log()
KEYS = [Cosigner(f"w{number}.example.com", bytes([number]) * 32) for number in range(3)]
POLICY = parse_policy(
    "\n".join(
        [*(f"witness w{number} {key.verifier.encode()}" for number, key in enumerate(KEYS)), "group g 2 w0 w1 w2", "quorum g"]
    ).encode()
)


def note(size: int, *by: int, log: Log = LOG) -> str:
    return log.note(size) + "".join(KEYS[each].cosign(log.head(size), 100 + size + each).line() for each in by)


def checked(*notes: str):
    return check_witnessed([FoundNote(each, f"place {n}") for n, each in enumerate(notes)], policy=POLICY, key=KEY.verifier)


def test_the_newest_head_with_a_quorum_counts_and_every_cosigned_head_is_to_be_held_against_the_entries() -> None:
    witnessed, heads = checked(note(10, 0, 1, 2), note(20, 0, 2), note(30, 1), note(40))
    assert witnessed.size == 20
    assert witnessed.cosigners == (("w0", 120), ("w2", 122))
    assert witnessed.unchecked == ()
    assert [(head.size, head.root) for head in heads] == [(size, LOG.head(size).root) for size in (10, 20, 30)]
    assert heads[1].where == "place 1, cosigned by w0, w2"


def test_without_a_quorum_nothing_is_vouched_for() -> None:
    witnessed, heads = checked(note(10, 0), note(20, 1))
    assert (witnessed.size, witnessed.cosigners) == (0, ())
    assert len(heads) == 2  # they are evidence all the same


def test_cosignatures_from_several_places_are_not_added_up() -> None:
    """They may be: but then of one head only, and the store adds them up already."""
    assert checked(note(10, 0), note(20, 1))[0].size == 0


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "nonsense",
        note(20, 0, 1).replace(LOG.note(20).split("\n")[-2] + "\n", ""),
        note(20, 0, 1, log=Log(key=SigningKey(ORIGIN, bytes(32)))),
        note(20, 0, 1, log=Log(key=SigningKey("other", bytes(32)), origin="other")),
    ],
)
def test_a_note_that_the_log_did_not_sign_is_named_and_not_believed(bad: str) -> None:
    witnessed, heads = checked(note(10, 0, 1), bad)
    assert witnessed.size == 10
    assert len(heads) == 1
    (doubt,) = witnessed.unchecked
    assert doubt.startswith("place 1: ")


@pytest.mark.parametrize(
    ("first", "entries", "size", "verdict"),
    [
        (0, 30, 20, Verdict.VALID),  # the newest entries are named, see `exposed`
        (19, 11, 20, Verdict.VALID),
        (20, 10, 20, Verdict.UNVERIFIABLE),
        (25, 5, 20, Verdict.UNVERIFIABLE),
        (0, 1, 0, Verdict.UNVERIFIABLE),
        (30, 0, 20, Verdict.VALID),
        (0, 0, 0, Verdict.VALID),
    ],
)
def test_witnesses_vouch_for_a_range_whose_first_entry_they_saw(first: int, entries: int, size: int, verdict: Verdict) -> None:
    report = Report(
        verdict=Verdict.VALID, level=Level.FULL, first=first, entries=entries, size=30, root=b"", signed_size=30,
        first_bad=None, invalid_entries=0, chain_breaks=0, findings=(),
    )  # fmt: skip
    found = vouched(report, Witnessed(size, (), ()))
    assert (found.level, found.verdict) == (Level.WITNESS, verdict)
    tampered = replace(report, verdict=Verdict.TAMPERED)
    assert vouched(tampered, Witnessed(size, (), ())).verdict is Verdict.TAMPERED


def test_cosignatures_of_another_head_count_for_nothing() -> None:
    lines = "".join(signature.line() for signature in Note.parse(note(21, 0, 1)).signatures[1:])
    assert checked(LOG.note(20) + lines)[0].size == 0
