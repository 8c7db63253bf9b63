"""What witnesses vouch for: the heads that they have cosigned, wherever those were found, held against the policy and the entries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from driftline.ledger.checkpoint import Note, VerifierKey, open_checkpoint
from driftline.ledger.cosignature import cosigned
from driftline.ledger.errors import NoteMalformed, SignatureInvalid
from driftline.ledger.heads import SignedHead
from driftline.ledger.policy import Policy
from driftline.ledger.report import Level, Report, Verdict, Witnessed

__all__ = ["FoundNote", "check_witnessed", "require_quorum", "vouched"]


class FoundNote(NamedTuple):
    """A signed head as it was found, and where."""

    note: str
    where: str


def check_witnessed(
    found: Iterable[FoundNote], *, policy: Policy, key: VerifierKey, unchecked: Iterable[str] = ()
) -> tuple[Witnessed, list[SignedHead]]:
    """Return what the notes prove, and every head that a witness of the policy has cosigned: the entries must be those of each.

    A note that is none, or not by this key, is not believed, and named in `unchecked`; nothing raises.
    """
    names = {witness.key: witness.name for witness in policy.witnesses}
    heads: list[SignedHead] = []
    doubts = list(unchecked)
    newest, by = 0, dict[str, int]()
    for note, where in found:
        try:
            head = open_checkpoint(note, key)
            times = cosigned(Note.parse(note), names)
        except (NoteMalformed, SignatureInvalid) as error:
            doubts.append(f"{where}: {error}")
            continue
        if times:
            heads.append(SignedHead(head.size, head.root, f"{where}, cosigned by {', '.join(names[each] for each in times)}"))
        if head.size > newest and policy.satisfied(times.keys()):
            newest, by = head.size, {names[each]: time for each, time in times.items()}
    return Witnessed(newest, tuple(sorted(by.items())), tuple(doubts)), heads


def require_quorum(note: str, policy: Policy) -> None:
    """Raise SignatureInvalid unless a quorum of the policy has cosigned the head of a note that the log signed."""
    times = cosigned(Note.parse(note), [witness.key for witness in policy.witnesses])
    if not policy.satisfied(times.keys()):
        by = ", ".join(witness.name for witness in policy.witnesses if witness.key in times) or "nobody"
        raise SignatureInvalid(f"the signed head has no quorum of witnesses: {by} of the policy has cosigned it")


def vouched(report: Report, witnessed: Witnessed) -> Report:
    """Return the report of a verification against the cosigned heads at level witness.

    Without a quorum on a head that covers any of the entries verified, where there were any, it is unverifiable at best.
    """
    covered = report.entries == 0 or witnessed.size > report.first
    verdict = Verdict.UNVERIFIABLE if report.valid and not covered else report.verdict
    return replace(report, level=Level.WITNESS, verdict=verdict, witnessed=witnessed)
