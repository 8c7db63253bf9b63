"""Verify what a Driftline ledger hands out without Driftline: `python verify_ledger.py VKEY FILE`, exit 0 proven, 1 refused.

VKEY is the ledger's .vkey file or what it holds: a verifier key, and below it those that the ledger had before.
FILE is a receipt, a bundle or a checkpoint: C2SP tlog-proof, `driftline.ledger.bundle`, C2SP tlog-checkpoint; all of RFC 6962.
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
    if not holds:
        raise ValueError(why)


def decode64(text: str) -> bytes:
    want(base64.b64encode(data := base64.b64decode(text, validate=True)).decode() == text, "base64 has one spelling")
    return data


def decode_json(text: str) -> Any:
    want(json.dumps(value := json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text, "loose JSON")
    return value


def open_note(note: str, keys: str) -> tuple[str, int, bytes]:
    text, _, end = note.rpartition("\n\n")
    (origin, size, root), lines = text.split("\n"), [line.split(" ") for line in end.removesuffix("\n").split("\n")]
    want(end.endswith("\n") and all(len(line) == 3 and line[0] == "\u2014" for line in lines), "not a signed note")
    for vkey, _, until in (line.partition(" until ") for line in keys.strip().splitlines()):
        name, key_id, key = vkey.split("+", 2)
        public = decode64(key)
        want(public[0] == 1 and sha256(f"{name}\n".encode() + public).hexdigest()[:8] == key_id, "not an Ed25519 key")
        signed = [raw[4:] for line in lines if line[1] == name and (raw := decode64(line[2]))[:4].hex() == key_id]
        held = [Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw, f"{text}\n".encode()) for raw in signed]  # or raises
        if held and origin == name and str(int(size)) == size and (not until or int(size) <= int(until)):
            return origin, int(size), decode64(root)
    raise ValueError("not a checkpoint that this key signed")


def open_entry(entry: dict[str, Any], origin: str) -> Entry:
    leaf, details = decode_json(entry["leaf"]), entry.get("details")
    want(set(entry) in ({"leaf"}, {"details", "leaf", "payload", "salt"}), "not an entry")
    if "salt" in entry:
        salt = bytes.fromhex(entry["salt"])
        shown = None if details is None else sha256(b"\x03" + salt + decode64(details)).hexdigest()
        payload = sha256(b"\x02" + salt + decode64(entry["payload"])).hexdigest()
        want((payload, shown) == (leaf["data_hash"], leaf["details_hash"]) and salt.hex() == entry["salt"], "not the payload")
    want((leaf["log"], leaf["v"]) == (origin, 1), "an entry of another log")
    return leaf, sha256(b"\x00" + entry["leaf"].encode()).digest()


def root_of(start: int, end: int, entries: list[Entry], nodes: Iterator[bytes]) -> bytes:
    """Compute the root from some entries of [start, end) and, left to right, the whole subtrees without any of them."""
    if not entries or end - start == 1:
        return entries[0][1] if entries else next(nodes)
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    left = root_of(start, middle, [entry for entry in entries if entry[0]["seq"] < middle], nodes)
    return sha256(b"\x01" + left + root_of(middle, end, [e for e in entries if e[0]["seq"] >= middle], nodes)).digest()


def check_receipt(text: str, keys: str) -> str:
    head, _, note = text.partition("\n\n")
    (first, extra, index, *path), (origin, size, root) = head.split("\n"), open_note(note, keys)
    want(first == "c2sp.org/tlog-proof@v1" and extra.startswith("extra "), "not a receipt")
    leaf, current = open_entry(decode_json(decode64(extra[6:]).decode()), origin)
    at, last = leaf["seq"], size - 1
    for sibling in map(decode64, path):
        current = sha256(b"\x01" + (sibling + current if at & 1 or at == last else current + sibling)).digest()
        at, last = (place >> ((at & -at).bit_length() if at == last else 1) for place in (at, last))
    want(last == 0 and current == root and index == f"index {leaf['seq']}" and 0 <= leaf["seq"] < size, "no way to the root")
    return f"entry {leaf['seq']} of the {size} of {origin}: {leaf}"


def check_bundle(text: str, keys: str) -> str:
    manifest, *lines, proof = map(decode_json, text[:-1].split("\n"))
    want(set(manifest) == {"bundle", "checkpoint", "selection"} and manifest["bundle"] == "driftline-bundle/1", "not a bundle")
    want(set(proof) == {"after", "before", "entries", "nodes"} and proof["entries"] == len(lines), "entries are missing")
    origin, size, root = open_note(manifest["checkpoint"], keys)
    chosen = [open_entry(line, origin) for line in lines]
    before, after = (proof[at] and open_entry({"leaf": proof[at]}, origin) for at in ("before", "after"))
    entries, nodes = [entry for entry in (before, *chosen, after) if entry], iter([decode64(line) for line in proof["nodes"]])
    want([e["seq"] for e, _ in entries] == sorted({e["seq"] for e, _ in entries if 0 <= e["seq"] < size}), "out of order")
    want(root_of(0, size, entries, nodes) == root and next(nodes, None) is None, "no way to the signed root")
    what = check_selection(manifest["selection"], chosen, before, after, size)
    return f"{len(lines)} of the {size} entries of {origin}; {what}"


def check_selection(chosen: dict[str, Any], entries: list[Entry], before: Entry | None, after: Entry | None, size: int) -> str:
    """Hold entries against what was asked for; returns what is proven about those that are not there."""
    since, until, name, salt = (chosen[key] for key in ("since", "until", "name", "name_salt"))
    low, high = 0 if since is None else since, 2**63 if until is None else until
    want({type(since), type(until)} <= {int, type(None)} and low <= high, "these are no times")
    by = [key for key in ("action", "actor", "resource") if chosen[key] is not None]
    fits = all(low <= leaf["ts"] < high and all(leaf[key] == chosen[key] for key in by) for leaf, _ in entries)
    opened = "user:" + sha256(b"\x04" + bytes.fromhex(salt or "") + (name or "").encode()).hexdigest()[:40]
    want((name is None) == (salt is None) and (name is None or chosen["actor"] == opened), "the name is not that of the actor")
    want(fits and (not by or (before, after) == (None, None)), "an entry that was not asked for")
    if not by:
        want((not before or before[0]["ts"] < low) and (not after or after[0]["ts"] >= high), "a neighbour is in the range")
        first, end = before[0]["seq"] + 1 if before else 0, after[0]["seq"] if after else size
        want([leaf["seq"] for leaf, _ in entries] == list(range(first, end)), "an entry of the range is missing")
        return "nothing of these times is missing"
    if by == ["action"] or len(by) > 1 or (since, until) != (None, None):
        return "whether there are others is not proven"
    links = ["00" * 32, *(current.hex() for _, current in entries)]
    trail = [(leaf[by[0][0] + "seq"], leaf[by[0][0] + "prev"]) for leaf, _ in entries]
    want(trail == list(enumerate(links[:-1])), "the trail has a hole")
    return "nothing of this trail is missing up to its last entry here"


def main(vkey: str, file: str) -> None:
    try:
        want((text := Path(file).read_bytes().decode()).endswith("\n"), "the file is cut off")
        keys = vkey if vkey.count("+") > 1 else Path(vkey).read_text()
        check = check_receipt if text.startswith("c2sp.org/tlog-proof") else check_bundle if text.startswith("{") else open_note
        print("proven:", said if isinstance(said := check(text, keys), str) else f"a head of {said[1]} entries of {said[0]}")
    except Exception as error:  # noqa: BLE001 - whatever cannot be read proves nothing
        sys.exit(f"REFUSED: {error or type(error).__name__}")


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
