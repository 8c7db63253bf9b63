"""Level witness of `driftline ledger verify`: the evidence, from the database, the anchors, and the witnesses themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftline.cli.ledger_inputs import contents
from driftline.envelope import iso_time
from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import PolicyMalformed
from driftline.ledger.heads import SignedHead
from driftline.ledger.policy import Policy, parse_policy
from driftline.ledger.report import Report, Witnessed
from driftline.ledger.store import LedgerStore
from driftline.ledger.store.anchors import anchored_heads
from driftline.ledger.store.objects import UrlObjects
from driftline.ledger.witnessed import require_quorum
from driftline.wording import amount

if TYPE_CHECKING:
    from driftline.runtime.witness_client import WitnessClient

PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="DRIFTLINE_LEDGER_POLICY_FILE",
        help="Witnesses and their quorum (C2SP tlog-policy).",
    ),
]
Anchor = Annotated[
    str | None,
    typer.Option(
        "--anchor", envvar="DRIFTLINE_LEDGER_ANCHOR_URL", help="Folder or bucket with signed heads, held against the entries."
    ),
]


def witnessed_by(policy_file: Path | None, note: str) -> None:
    """Want a quorum under the head of a proof, where a policy was given; raises SignatureInvalid, ConfigurationError."""
    if policy_file is not None:
        require_quorum(note, read_policy(policy_file))


def read_policy(file: Path) -> Policy:
    """Read a policy; raises ConfigurationError."""
    try:
        return parse_policy(contents(file))
    except PolicyMalformed as error:
        raise ConfigurationError(f"{file}: {error}") from error


def anchored(anchor: str | None, key: VerifierKey | None) -> list[SignedHead]:
    """Return the heads among the anchors that the key has signed; raises LedgerUnavailable for a place that is away."""
    return [] if anchor is None or key is None else anchored_heads(UrlObjects(anchor), key)


def ask_witnesses(
    store: LedgerStore, key: VerifierKey | None, *, policy_file: Path | None, anchor: str | None
) -> tuple[Witnessed, list[SignedHead]]:
    """Gather every cosigned head that can be had. Raises ConfigurationError, LedgerUnavailable."""
    from driftline.runtime.witnessed import cosigned_heads

    if key is None:
        raise ConfigurationError("give the verifier key of the ledger with --key: without it no cosignature says anything")
    policy = wanted_policy(policy_file, without="verify at level full")
    with witness_clients(policy) as clients:
        return cosigned_heads(store, key, policy, clients, anchors=None if anchor is None else UrlObjects(anchor))


def wanted_policy(file: Path | None, *, without: str) -> Policy:
    """Return a policy that wants a quorum; raises ConfigurationError, which says what to do `without` one."""
    if file is None:
        raise ConfigurationError("name the witnesses and their quorum with --policy, or in DRIFTLINE_LEDGER_POLICY_FILE")
    policy = read_policy(file)
    if policy.quorum is None:
        raise ConfigurationError(f"{file} wants no witness (`quorum none`): {without}")
    return policy


@contextmanager
def witness_clients(policy: Policy) -> Iterator[Mapping[str, WitnessClient]]:
    """Open a connection to each witness that has a URL, by its name."""
    from driftline.runtime.witness_client import WitnessClient

    clients = {witness.name: WitnessClient(witness.url) for witness in policy.witnesses if witness.url is not None}
    try:
        yield clients
    finally:
        for client in clients.values():
            client.close()


def witnessed_json(report: Report, witnessed: Witnessed) -> dict[str, Any]:
    """Return what witnesses vouch for, for programs."""
    return {
        "size": witnessed.size,
        "cosigners": {name: iso_time(time * 1_000_000) for name, time in witnessed.cosigners},
        "exposed": _exposed(report, witnessed),
        "unchecked": list(witnessed.unchecked),
    }


def tell_witnessed(report: Report, witnessed: Witnessed) -> None:
    """Say what witnesses vouch for, and what they do not."""
    if witnessed.size:
        by = ", ".join(f"{name} at {iso_time(time * 1_000_000)}" for name, time in witnessed.cosigners)
        typer.echo(f"witnessed: {amount(witnessed.size, 'entry')}, by {by}")
    if exposed := _exposed(report, witnessed):
        typer.echo(f"  for {amount(exposed, 'newer entry')} nobody but the holder of the ledger's key vouches")
    for doubt in witnessed.unchecked:
        typer.echo(f"  not checked: {doubt}")


def _exposed(report: Report, witnessed: Witnessed) -> int:
    return max(0, report.first + report.entries - max(witnessed.size, report.first))
