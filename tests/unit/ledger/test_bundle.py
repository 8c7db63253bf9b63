"""Bundles, by Driftline and by the verifier that knows nothing of it: both prove what is right and refuse whatever is changed."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftline.ledger.bundle import Completeness, check_bundle
from driftline.ledger.checkpoint import SigningKey, VerifierKey
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerError, LedgerUnavailable, ProofInvalid
from driftline.ledger.growth import Growth, check_growth
from driftline.ledger.multiproof import check_inclusions, multiproof
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.store import bundle_of, growth_of, receipt_of
from driftline.ledger.tree import fetch_from, root_at
from examples import verify_ledger
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger, writer_at

ENTRIES = 300
QUERIES = {
    "everything": (Query(), 300, Completeness.RANGE),
    "times": (Query(since=1_003, until=1_010), 70, Completeness.RANGE),
    "no such time": (Query(since=1_005, until=1_005), 0, Completeness.RANGE),
    "the future": (Query(since=9_000), 0, Completeness.RANGE),
    "person": (Query(actor="alice"), 75, Completeness.TRAIL),
    "service": (Query(actor="service:drift"), 225, Completeness.TRAIL),
    "resource": (Query(resource=("model", "m1")), 100, Completeness.TRAIL),
    "person and time": (Query(actor="alice", since=1_010), 50, Completeness.NONE),
    "action": (Query(action="drift.detected"), 300, Completeness.NONE),
    "nobody": (Query(actor="bob"), 0, Completeness.TRAIL),
}


class Bundles(dict[str, list[bytes]]):
    """Lines of bundles by name; hypothesis prints arguments, and these are long."""

    def __repr__(self) -> str:
        return f"<{len(self)} bundles>"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    writer = writer_at(tmp_path_factory.mktemp("ledger"))
    who = ["alice", "service:drift", "service:drift", "service:drift"]
    grow(writer, ([draft(i, actor=who[i % 4]) for i in range(at, at + 10)] for at in range(0, ENTRIES, 10)))
    with writer.store.snapshot() as snapshot:
        made = {name: list(bundle_of(snapshot, query, payloads=True)) for name, (query, _, _) in QUERIES.items()}
    return Bundles(made)


def other_verifier(lines: Sequence[bytes]) -> str:
    text = b"".join(lines).decode()
    verify_ledger.want(text.endswith("\n"), "cut off")
    return verify_ledger.check_bundle(text, KEY.verifier.encode())


def refused(lines: Sequence[bytes]) -> None:
    with pytest.raises(LedgerError):
        check_bundle(b"".join(lines).splitlines(keepends=True), KEY.verifier)
    with pytest.raises(Exception):  # noqa: B017 - it fails closed, by whatever it stumbles over
        other_verifier(lines)


@pytest.mark.parametrize("name", QUERIES)
def test_a_bundle_is_proven_from_its_lines_alone(bundles: Bundles, name: str) -> None:
    _, count, complete = QUERIES[name]
    report = check_bundle(bundles[name], KEY.verifier)
    assert (report.entries, report.disclosed, report.complete) == (count, count, complete)
    assert (report.checkpoint.size, report.checkpoint.origin) == (ENTRIES, ORIGIN)
    assert other_verifier(bundles[name]).startswith(f"{count} of the 300 entries of {ORIGIN}")


def test_the_name_behind_a_pseudonym_is_opened(bundles: Bundles) -> None:
    report = check_bundle(bundles["person"], KEY.verifier)
    assert report.selection.name == "alice"
    assert report.selection.actor is not None
    assert report.selection.actor.startswith("user:")
    manifest = bundles["person"][0].replace(b'"name":"alice"', b'"name":"clare"')
    refused([manifest, *bundles["person"][1:]])


@pytest.mark.parametrize("name", ["times", "person", "resource", "action"])
def test_a_bundle_without_one_of_its_entries_is_refused(bundles: Bundles, name: str) -> None:
    lines = bundles[name]
    for gone in (1, len(lines) // 2, len(lines) - 2):
        closing = json.loads(lines[-1])
        for count in (closing["entries"], closing["entries"] - 1):
            end = json.dumps(closing | {"entries": count}, separators=(",", ":")).encode() + b"\n"
            refused([*lines[:gone], *lines[gone + 1 : -1], end])


@given(
    name=st.sampled_from(["resource", "times", "no such time"]),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    place=st.integers(0, 100_000),
    change=st.integers(1, 255),
)
def test_any_changed_byte_is_refused(bundles: Bundles, name: str, share: float, place: int, change: int) -> None:
    lines = bundles[name]
    number = round(share * (len(lines) - 1))
    line = bytearray(lines[number])
    line[place % len(line)] ^= change
    refused([*lines[:number], bytes(line), *lines[number + 1 :]])


@given(st.data())
def test_lines_cannot_be_doubled_swapped_or_taken_from_elsewhere(bundles: Bundles, data: st.DataObject) -> None:
    lines = list(bundles["person and time"])
    other = bundles[data.draw(st.sampled_from(["everything", "resource", "times"]))]
    at = data.draw(st.integers(0, len(lines) - 2))
    how = data.draw(st.sampled_from(["double", "swap", "foreign", "cut"]))
    forged = list(lines)
    if how == "double":
        forged.insert(at, lines[at])
    elif how == "swap":
        forged[at], forged[at + 1] = lines[at + 1], lines[at]
    elif how == "foreign":
        forged[at] = data.draw(st.sampled_from(other))
    else:
        del forged[at]
    if forged != lines:
        refused(forged)


@given(st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=4))
def test_nonsense_is_refused(lines: list[bytes]) -> None:
    refused(lines)


SELECTION = {"action": None, "actor": None, "name": None, "name_salt": None, "resource": None, "since": None, "until": None}


@given(
    st.fixed_dictionaries(
        {
            name: st.none()
            | st.integers()
            | st.booleans()
            | st.text(max_size=3)
            | st.lists(st.integers() | st.text(max_size=3), max_size=3)
            for name in SELECTION
        }
    )
)
def test_any_selection_is_refused_or_true(bundles: Bundles, selection: dict[str, object]) -> None:
    """Nobody signs the selection: another one is proven where the same entries are all that fits it, and else refused."""
    since, until = selection["since"], selection["until"]
    true = (
        all(selection[name] is None for name in SELECTION if name not in {"since", "until"})
        and (since is None or (type(since) is int and since <= 1_000))
        and (until is None or (type(until) is int and until > 1_029))
    )
    manifest = json.loads(bundles["everything"][0]) | {"selection": selection}
    line = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    if true:
        assert check_bundle([line, *bundles["everything"][1:]], KEY.verifier).entries == ENTRIES
        other_verifier([line, *bundles["everything"][1:]])
    else:
        refused([line, *bundles["everything"][1:]])


def test_a_thief_of_the_format_without_the_key_is_refused(bundles: Bundles) -> None:
    thief = SigningKey(ORIGIN, bytes(32)).verifier
    with pytest.raises(LedgerError):
        check_bundle(bundles["times"], thief)


@st.composite
def chosen(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A size of a log, and some of its entries."""
    size = draw(st.integers(1, 700))
    return size, sorted(draw(st.sets(st.integers(0, size - 1), max_size=20)))


@given(chosen())
@example((300, [255]))
def test_one_proof_for_many_entries(which: tuple[int, list[int]]) -> None:
    size, indices = which
    leaves = [number.to_bytes(32) for number in range(size)]
    fetch = fetch_from(leaves)
    nodes, root = multiproof(fetch, indices, size), root_at(fetch, size)
    hashes = [leaves[index] for index in indices]
    check_inclusions(hashes, indices, size, nodes, root)
    wrong: list[Callable[[], object]] = [
        lambda: check_inclusions(hashes, indices, size, [*nodes, root], root),
        lambda: check_inclusions(hashes, indices, size, nodes, b"\xee" * 32),
        lambda: check_inclusions(hashes, [index + size for index in indices] or [size], size, nodes, root),
    ]
    if nodes:
        wrong.append(lambda: check_inclusions(hashes, indices, size, nodes[:-1], root))
    if hashes:
        wrong.append(lambda: check_inclusions([b"\xff" * 32, *hashes[1:]], indices, size, nodes, root))
    for attempt in wrong:
        with pytest.raises(ProofInvalid):
            attempt()


def test_times_that_end_before_they_begin_are_told(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(0)]])
    with writer.store.snapshot() as snapshot, pytest.raises(LedgerUnavailable, match="end before they begin"):
        list(bundle_of(snapshot, Query(since=2, until=1), payloads=True))


def test_the_script_stands_alone(tmp_path: Path, bundles: Bundles) -> None:
    """It runs in a Python that cannot import Driftline, and tells good from bad by its exit code."""
    writer = writer_at(tmp_path)
    grow(writer, [[draft(number) for number in range(9)]])
    with writer.store.snapshot() as snapshot:
        entry = snapshot.entry_at(5)
        assert entry is not None
        (tmp_path / "receipt").write_bytes(receipt_of(snapshot, entry, payload=True).encode())
    (tmp_path / "bundle").write_bytes(b"".join(bundles["person"]))
    (tmp_path / "forged").write_bytes(b"".join(bundles["person"][:-2] + bundles["person"][-1:]))
    blocked = "import sys; sys.modules['driftline'] = None; sys.path.insert(0, 'examples'); import verify_ledger; sys.exit(verify_ledger.main(*sys.argv[1:]))"
    root = Path(verify_ledger.__file__).parent.parent

    def run(name: str) -> tuple[int, str]:
        words = [sys.executable, "-c", blocked, KEY.verifier.encode(), str(tmp_path / name)]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    with writer.store.snapshot() as snapshot:
        (tmp_path / "checkpoint").write_text(snapshot.latest_note() or "")
    assert [run(name)[0] for name in ("receipt", "bundle", "checkpoint", "forged", "absent")] == [0, 0, 0, 1, 1]
    assert run("receipt")[1].startswith("proven: entry 5 of the 9 of ledger.example.com/audit")
    assert run("checkpoint")[1] == "proven: a head of 9 entries of ledger.example.com/audit\n"


def test_the_script_takes_a_key_or_the_file_of_it_and_former_keys_in_their_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(number) for number in range(9)]])
    with writer.store.snapshot() as snapshot:
        (tmp_path / "checkpoint").write_text(snapshot.latest_note() or "")

    def proven(key: str) -> bool:
        try:
            verify_ledger.main(key, str(tmp_path / "checkpoint"))
        except SystemExit as refused:
            assert str(refused.code).startswith("REFUSED")
            return False
        return capsys.readouterr().out.startswith("proven")

    for until, good in ((9, True), (8, False)):
        lines = KEY.successor(bytes(32), until).verifier.lines()
        (tmp_path / "vkey").write_text(lines)
        assert (proven(lines), proven(str(tmp_path / "vkey"))) == (good, good)
    (tmp_path / "vkey").write_text(KEY.verifier.lines())
    assert proven(str(tmp_path / "vkey"))
    assert not proven(str(tmp_path / "absent"))


def test_the_script_is_a_hundred_lines_of_code() -> None:
    source = Path(verify_ledger.__file__).read_text()
    code = source[source.index("import base64") :].splitlines()
    assert sum(1 for line in code if line.strip() and not line.strip().startswith(('"""', "#"))) <= 100


def test_every_changed_byte_of_a_receipt_is_refused_by_the_script_too(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(number) for number in range(9)]])
    with writer.store.snapshot() as snapshot:
        entry = snapshot.entry_at(5)
        assert entry is not None
        data = receipt_of(snapshot, entry, payload=True).encode()
    verify_ledger.check_receipt(data.decode(), KEY.verifier.encode())
    for place in range(len(data)):
        forged = bytearray(data)
        forged[place] ^= 1
        with pytest.raises(Exception):  # noqa: B017 - it fails closed
            verify_ledger.check_receipt(bytes(forged).decode(), KEY.verifier.encode())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_the_script_takes_every_receipt_and_no_other_place_of_its_proof(tmp_path: Path, size: int) -> None:
    with ledger(tmp_path, size).store.snapshot() as snapshot:
        for entry in snapshot.entries(Query()):
            text = receipt_of(snapshot, entry, payload=False).encode().decode()
            assert verify_ledger.check_receipt(text, KEY.verifier.encode()).startswith(f"entry {entry.seq} of the {size}")
            lines = text.split("\n")
            for longer in ([*lines[:3], lines[1].removeprefix("extra ")[:43] + "=", *lines[3:]], [*lines[:3], *lines[4:]]):
                with pytest.raises(Exception):  # noqa: B017 - it fails closed
                    verify_ledger.check_receipt("\n".join(longer), KEY.verifier.encode())


def test_committed_proofs_still_hold_and_are_still_made_so(tmp_path: Path) -> None:
    """The vectors were accepted by golang.org/x/mod (`tests/integration/test_ledger_go.py`)."""
    vectors = json.loads((Path(__file__).parent / "proof_vectors.json").read_text())
    key = VerifierKey.parse(vectors["vkey"])
    assert check_receipt(Receipt.parse(vectors["receipt"].encode()), key).leaf.seq == 7
    assert check_growth(Growth.parse(vectors["growth"].encode()), vectors["checkpoint"], key)[1].size == 20
    assert check_bundle(vectors["bundle"].encode().splitlines(keepends=True), key).entries == 7
    with ledger(tmp_path, 20).store.snapshot() as snapshot:
        assert b"".join(bundle_of(snapshot, Query(resource=("model", "m1")), payloads=False)).decode() == vectors["bundle"]
        assert growth_of(snapshot, 10).encode().decode() == vectors["growth"]
