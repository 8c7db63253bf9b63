"""Policy files: the example of C2SP tlog-policy, and every line that is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.cosignature import Cosigner
from driftline.ledger.errors import PolicyMalformed
from driftline.ledger.policy import parse_policy

LOG = SigningKey("ledger.example.com/audit", bytes(32)).verifier
KEYS = {
    name: Cosigner(f"{name}.example.com", bytes([number]) * 32).verifier
    for number, name in enumerate(("X1", "X2", "X3", "Y1", "Y2"))
}
EXAMPLE = "\n".join(
    [
        "# two organisations",
        f"log {LOG.encode()}",
        *(f"witness {name} {key.encode()} https://{name.lower()}.example.com/" for name, key in KEYS.items()),
        "\tgroup  X-witnesses 2 X1 X2 X3  ",
        "group Y-witnesses any Y1 Y2",
        "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y",
        "",
    ]
)


@pytest.mark.parametrize(
    ("names", "enough"),
    [("", False), ("X1 X2", False), ("X1 Y1", False), ("Y1 Y2", False), ("X1 X3 Y2", True), ("X1 X2 X3 Y1 Y2", True)],
)
def test_the_quorum_is_that_of_the_groups(names: str, *, enough: bool) -> None:
    assert parse_policy(EXAMPLE.encode()).satisfied({KEYS[name] for name in names.split()}) is enough


def test_logs_and_witnesses_are_known_by_their_keys() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert policy.keys_of(LOG.name) == (LOG,)
    assert policy.keys_of("other") == ()
    first = policy.witnesses[0]
    assert (first.name, first.key, first.url) == ("X1", KEYS["X1"], "https://x1.example.com/")


def test_one_witness_or_none_may_be_the_quorum() -> None:
    line = f"witness w {KEYS['X1'].encode()}\n"
    one = parse_policy(f"{line}quorum w".encode())
    assert (one.satisfied(set()), one.satisfied({KEYS["X1"]})) == (False, True)
    assert parse_policy(b"quorum none").satisfied(set())


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "quorum",
        "quorum w x",
        "quorum other",
        "quorum none\nquorum none",
        "witness",
        "witness w",
        f"witness w {LOG.encode()}",
        f"witness none {KEYS['X2'].encode()}",
        f"witness w1 {KEYS['X2'].encode()}",
        f"witness w2 {KEYS['X1'].encode()}",
        f"witness w2 {KEYS['X2'].encode()} https://a https://b",
        f"log {KEYS['X1'].encode()}",
        f"log {LOG.encode()}\nlog {LOG.encode()}",
        "group g",
        "group g all",
        "group g 0 w1",
        "group g 2 w1",
        "group g -1 w1",
        "group g \u0661 w1",
        "group g 99999999999999999999 w1",
        "group g some w1",
        "group g all w1 w1",
        "group g any none",
        "group g any g",
        "group w1 any w1",
        "group g any w1\ngroup h any w1",
        "else",
        "quorum\rw1",
    ],
)
def test_any_other_line_is_refused(lines: str) -> None:
    start = f"witness w1 {KEYS['X1'].encode()}\n"
    with pytest.raises(PolicyMalformed):
        parse_policy(f"{start}{lines}\n{'quorum w1' if lines and 'quorum' not in lines else ''}".encode())


@given(st.data())
@settings(max_examples=200)
def test_no_text_makes_it_fall(data: st.DataObject) -> None:
    text = EXAMPLE.encode()
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.binary(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    try:
        policy = parse_policy(changed)
    except PolicyMalformed:
        return
    assert policy.quorum is None or not policy.satisfied(set())
