from driftline.alerting.inhibition import Inhibitors, InhibitRule
from driftline.alerting.matcher_syntax import parse_matchers


def rule(source: str, target: str, *equal: str) -> InhibitRule:
    return InhibitRule(source=parse_matchers(source), target=parse_matchers(target), equal=equal)


CAUSE = {"kind": "quality", "model": "m"}


def by(rules, *firing, of) -> str | None:
    return Inhibitors(rules, [(str(number), labels) for number, labels in enumerate(firing)]).of(of)


def test_a_source_that_fires_inhibits_its_targets() -> None:
    rules = [rule("kind=quality", "kind=drift")]
    assert by(rules, {"kind": "other"}, CAUSE, of={"kind": "drift"}) == "1"
    assert by(rules, CAUSE, of={"kind": "other"}) is None
    assert by(rules, of={"kind": "drift"}) is None
    assert by([], CAUSE, of={"kind": "drift"}) is None


def test_the_labels_of_equal_must_have_the_same_values() -> None:
    rules = [rule("kind=quality", "kind=drift", "model", "zone")]
    assert by(rules, CAUSE, of={"kind": "drift", "model": "m"}) == "0"
    assert by(rules, CAUSE, of={"kind": "drift", "model": "m", "zone": ""}) == "0"
    assert by(rules, CAUSE, of={"kind": "drift", "model": "n"}) is None
    assert by(rules, CAUSE, of={"kind": "drift", "model": "m", "zone": "z"}) is None


def test_what_is_source_and_target_is_not_inhibited_by_another_such_nor_by_itself() -> None:
    rules = [rule("kind=~quality|both", "kind=~drift|both")]
    assert by(rules, {"kind": "both"}, of={"kind": "both"}) is None
    assert by(rules, {"kind": "both"}, of={"kind": "drift"}) == "0"
    assert by(rules, {"kind": "both"}, CAUSE, of={"kind": "both"}) == "1"


def test_every_rule_is_asked() -> None:
    rules = [rule("kind=none", "kind=drift"), rule("kind=quality", "model=m"), rule("kind=quality", "kind=drift")]
    assert by(rules, CAUSE, of={"kind": "drift"}) == "0"


def test_who_inhibits_follows_what_begins_changes_and_ends() -> None:
    here = Inhibitors([rule("kind=quality", "kind=drift", "model"), rule("size=big", "kind=drift")])
    drift = {"kind": "drift", "model": "m"}
    here.note("a", CAUSE)
    here.note("b", CAUSE)
    here.note("a", {"kind": "quality", "model": "n"})
    assert here.of(drift) == "b"
    here.note("b", None)
    here.note("unheard", None)
    assert here.of(drift) is None
    here.note("a", {"kind": "quality", "model": "m", "size": "big"})
    assert here.of(drift) == here.of({"kind": "drift", "model": "o"}) == "a"
    here.note("a", None)
    assert here.of(drift) is here.of({"kind": "drift", "model": "o"}) is None
