"""Verify what a Driftline ledger hands out without Driftline: Python's standard library and `cryptography`, nothing else.

    python examples/verify_ledger.py VKEY FILE        a receipt (.tlog-proof) or a bundle: exit 0 proven, 1 refused

Formats: C2SP signed-note, tlog-checkpoint and tlog-proof; hashes and proofs of RFC 6962; bundles as `driftline.ledger.bundle`
describes them.
"""

import base64
import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Entry = tuple[dict[str, Any], bytes]


def want(holds: object, why: str) -> None:
    """Refuse unless it holds."""
    if not holds:
        raise ValueError(why)


def decode64(text: str) -> bytes:
    """Decode base64."""
    data = base64.b64decode(text, validate=True)
    want(base64.b64encode(data).decode() == text, "base64 has one spelling")
    return data


def encode_json(value: object) -> str:
    """Write JSON as RFC 8785 does (ASCII keys, no floats)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decode_json(text: str) -> Any:
    """Read JSON."""
    value = json.loads(text)
    want(encode_json(value) == text, "JSON has one spelling")
    return value


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def split(start: int, end: int) -> int:
    """Say where the tree over [start, end) has its left half end."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def open_note(note: str, vkey: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that the key signed."""
    name, key_id, key = vkey.strip().split("+", 2)
    public = decode64(key)
    want(public[0] == 1 and sha256(f"{name}\n".encode() + public).hexdigest()[:8] == key_id, "not an Ed25519 verifier key")
    text, _, signatures = note.rpartition("\n\n")
    lines = [line.split(" ") for line in signatures.removesuffix("\n").split("\n")]
    want(signatures.endswith("\n") and all(len(line) == 3 and line[0] == "\u2014" for line in lines), "not a signed note")
    known = [raw[4:] for raw in (decode64(line[2]) for line in lines if line[1] == name) if raw[:4].hex() == key_id]
    want(known, "not signed by this key")
    for signature in known:
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature, f"{text}\n".encode())
    origin, size, root = text.split("\n")
    want(origin == name and str(int(size)) == size, "not a checkpoint of this log")
    return origin, int(size), decode64(root)


def open_entry(text: str, origin: str) -> Entry:
    """Return leaf and hash of an entry; payload and details, where shown, must be those that it commits to."""
    entry = decode_json(text)
    leaf = decode_json(entry["leaf"])
    want((leaf["log"], leaf["v"]) == (origin, 1), "an entry of another log")
    if set(entry) != {"leaf"}:
        want(set(entry) == {"details", "leaf", "payload", "salt"}, "not an entry")
        salt, details = bytes.fromhex(entry["salt"]), entry["details"]
        want(salt.hex() == entry["salt"], "hex has one spelling")
        want(sha256(b"\x02" + salt + decode64(entry["payload"])).hexdigest() == leaf["data_hash"], "not the payload")
        shown = None if details is None else sha256(b"\x03" + salt + decode64(details)).hexdigest()
        want(shown == leaf["details_hash"], "not the details")
    return leaf, sha256(b"\x00" + entry["leaf"].encode()).digest()


def root_of_path(start: int, end: int, index: int, current: bytes, path: list[bytes]) -> bytes:
    """Compute the root from one entry and its path, the sibling next to the root last."""
    if end - start == 1:
        want(not path, "the proof is too long")
        return current
    sibling, middle = path.pop(), split(start, end)
    if index < middle:
        return node(root_of_path(start, middle, index, current, path), sibling)
    return node(sibling, root_of_path(middle, end, index, current, path))


def root_of_many(start: int, end: int, entries: list[Entry], nodes: Iterator[bytes]) -> bytes:
    """Compute the root from some entries of [start, end) and, left to right, the whole subtrees without any of them."""
    if not entries:
        return next(nodes)
    if end - start == 1:
        return entries[0][1]
    middle = split(start, end)
    left = root_of_many(start, middle, [entry for entry in entries if entry[0]["seq"] < middle], nodes)
    return node(left, root_of_many(middle, end, [entry for entry in entries if entry[0]["seq"] >= middle], nodes))


def check_receipt(text: str, vkey: str) -> str:
    """Return what a receipt proves."""
    head, _, note = text.partition("\n\n")
    first, extra, index, *path = head.split("\n")
    origin, size, root = open_note(note, vkey)
    want(first == "c2sp.org/tlog-proof@v1" and extra.startswith("extra "), "not a receipt")
    leaf, current = open_entry(decode64(extra[6:]).decode(), origin)
    want(index == f"index {leaf['seq']}" and 0 <= leaf["seq"] < size, "not the entry of this index")
    found = root_of_path(0, size, leaf["seq"], current, [decode64(line) for line in path])
    want(found == root, "the proof does not lead to the signed root")
    return f"entry {leaf['seq']} of the {size} of {origin}: {encode_json(leaf)}"


def check_bundle(lines: list[str], vkey: str) -> str:
    """Return what a bundle proves."""
    manifest, proof = decode_json(lines[0]), decode_json(lines[-1])
    want(set(manifest) == {"bundle", "checkpoint", "selection"} and manifest["bundle"] == "driftline-bundle/1", "not a bundle")
    want(set(proof) == {"after", "before", "entries", "nodes"} and proof["entries"] == len(lines) - 2, "entries are missing")
    origin, size, root = open_note(manifest["checkpoint"], vkey)
    entries = [open_entry(line, origin) for line in lines[1:-1]]
    before, after = (proof[at] and open_entry(encode_json({"leaf": proof[at]}), origin) for at in ("before", "after"))
    claim = check_selection(manifest["selection"], entries, before, after, size)
    entries = [entry for entry in (before, *entries, after) if entry]
    numbers = [leaf["seq"] for leaf, _ in entries]
    want(numbers == sorted(set(numbers)) and all(0 <= number < size for number in numbers), "entries out of order")
    nodes = iter([decode64(line) for line in proof["nodes"]])
    want(root_of_many(0, size, entries, nodes) == root and next(nodes, None) is None, "no way to the signed root")
    return f"{len(lines) - 2} of the {size} entries of {origin}; {claim}"


def check_selection(chosen: dict[str, Any], entries: list[Entry], before: Entry | None, after: Entry | None, size: int) -> str:
    """Hold entries against what was asked for; returns what is proven about those that are not there."""
    since, until = chosen["since"], chosen["until"]
    want(all(at is None or type(at) is int for at in (since, until)), "a time is a whole number")
    want(None in (since, until) or since <= until, "the times end before they begin")
    want((chosen["name"] is None) == (chosen["name_salt"] is None), "a name has its salt")
    by = [name for name in ("action", "actor", "resource") if chosen[name] is not None]
    for leaf, _ in entries:
        want(all(leaf[name] == chosen[name] for name in by), "an entry that was not asked for")
        want((since is None or since <= leaf["ts"]) and (until is None or leaf["ts"] < until), "an entry of another time")
    if chosen["name"] is not None:
        opened = sha256(b"\x04" + bytes.fromhex(chosen["name_salt"]) + chosen["name"].encode()).hexdigest()
        want(chosen["actor"] == "user:" + opened[:40], "the name is not that of the actor")
    if not by:
        want(before is None or (since is not None and before[0]["ts"] < since), "a neighbour belongs to the range")
        want(after is None or (until is not None and after[0]["ts"] >= until), "a neighbour belongs to the range")
        first, end = before[0]["seq"] + 1 if before else 0, after[0]["seq"] if after else size
        want([leaf["seq"] for leaf, _ in entries] == list(range(first, end)), "an entry of the range is missing")
        return "nothing of these times is missing"
    want(before is None and after is None, "only a range has neighbours")
    if by == ["action"] or len(by) > 1 or (since, until) != (None, None):
        return "whether there are others is not proven"
    links = ["00" * 32, *(current.hex() for _, current in entries)]
    for number, (leaf, _) in enumerate(entries):
        want((leaf[by[0][0] + "seq"], leaf[by[0][0] + "prev"]) == (number, links[number]), "the trail has a hole")
    return "nothing of this trail is missing up to its last entry here"


def main(vkey: str, file: str) -> int:
    """Check a file and say what it proves."""
    try:
        text = Path(file).read_bytes().decode()
        receipt = text.startswith("c2sp.org/tlog-proof")
        want(receipt or text.endswith("\n"), "the file is cut off")
        proven = check_receipt(text, vkey) if receipt else check_bundle(text[:-1].split("\n"), vkey)
    except Exception as error:  # noqa: BLE001 - whatever cannot be read proves nothing
        print(f"REFUSED: {error or type(error).__name__}")
        return 1
    print(f"proven: {proven}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
