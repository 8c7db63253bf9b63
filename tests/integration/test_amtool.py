"""Routes and matchers against amtool, the command of Alertmanager: the same receivers, the same matchers, the same refusals.

`DRIFTLINE_AMTOOL` names the binary, else it is looked for on the path (Debian: prometheus-alertmanager). `DRIFTLINE_AMTOOL_CASES`
is how many random cases there are. Versions before 0.27 know only the classic syntax of matchers.
"""

import os
import random
import shutil
import subprocess

import pytest
import yaml

from driftline.alerting.config import load
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.matcher_syntax import Syntax, parse_matchers
from driftline.alerting.matchers import in_order

AMTOOL = os.environ.get("DRIFTLINE_AMTOOL") or shutil.which("amtool") or ""
CASES = int(os.environ.get("DRIFTLINE_AMTOOL_CASES", "60"))

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not AMTOOL, reason="needs amtool (apt-get install prometheus-alertmanager)"),
]

NAMES = ("job", "model", "severity", "zone", "größe", "a.b")
VALUES = ("", "a", "b", "ab", "ba b", 'q"q', "back\\slash", "ä🙂", "x,y", "{z}", "new\nline")
EXPRESSIONS = (
    "a|b",
    ".*",
    ".+",
    "a.*",
    "",
    "[^a]+",
    "(?i)A.*",
    r"\w+",
    r"[\s\S]*b",
    "ä.",
    r"\pL+",
    "(a|b)?b",
    "[[:alpha:]]*",
    "a$",
)
OPERATORS = ("=", "!=", "=~", "!~")


def amtool(*words, expect=None):
    done = subprocess.run([AMTOOL, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert expect is None or done.returncode == expect, done.stdout + done.stderr
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def utf8(tmp_path_factory):
    """Whether this amtool knows the UTF-8 syntax; what `go install` builds does not tell its version."""
    path = tmp_path_factory.mktemp("probe") / "alerts.yml"
    path.write_text("route: {receiver: r, routes: [{matchers: ['ä=b']}]}\nreceivers: [{name: r}]", encoding="utf-8")
    return amtool("check-config", path)[0] == 0


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def random_matcher(rng, names):
    operator = rng.choice(OPERATORS)
    value = rng.choice(EXPRESSIONS if "~" in operator else VALUES)
    name = rng.choice(names)
    return f"{name if name.isascii() and name.isidentifier() else quoted(name)}{operator}{quoted(value)}"


def random_route(rng, names, depth, number):
    route: dict[str, object] = {"receiver": f"r{next(number)}"} if rng.random() < 0.8 else {}
    if rng.random() < 0.9:
        route["matchers"] = [random_matcher(rng, names) for _ in range(rng.randrange(3))]
    if rng.random() < 0.3:
        route["match"] = {rng.choice(NAMES[:4]): rng.choice(VALUES)}
    if rng.random() < 0.3:
        route["match_re"] = {rng.choice(NAMES[:4]): rng.choice(EXPRESSIONS)}
    if rng.random() < 0.4:
        route["continue"] = True
    if depth:
        route["routes"] = [random_route(rng, names, depth - 1, number) for _ in range(rng.randrange(4))]
    return route


def random_tree(rng, names):
    number = iter(range(1000))
    children = [random_route(rng, names, rng.randrange(3), number) for _ in range(rng.randrange(1, 5))]
    receivers = [{"name": name} for name in ("root", *(f"r{count}" for count in range(next(number))))]
    return {"route": {"receiver": "root", "routes": children}, "receivers": receivers}


def test_random_trees_lead_random_labels_to_the_same_receivers(tmp_path, utf8):
    rng = random.Random(11)
    names = NAMES if utf8 else NAMES[:4]
    path = tmp_path / "alerts.yml"
    beyond_root = several = 0
    for _ in range(CASES):
        text = yaml.safe_dump(random_tree(rng, names), allow_unicode=True)
        path.write_text(text)
        root = load(text).root
        for _ in range(2):
            labels = {name: rng.choice(VALUES) for name in rng.sample(names, rng.randrange(1, len(names)))}
            words = [
                f"{name if name.isidentifier() and name.isascii() else quoted(name)}={quoted(labels[name])}" for name in labels
            ]
            said = amtool("config", "routes", "test", f"--config.file={path}", *words, expect=0)[1].strip()
            found = [route.receiver for route in root.match(labels)]
            assert ",".join(found) == said, (text, labels)
            beyond_root += found != ["root"]
            several += len(found) > 1
    assert beyond_root >= CASES // 2
    assert several >= CASES // 10


PIECES = (
    *(
        "a",
        "ab",
        "a:b",
        "ä",
        "1a",
        "a.b",
        '"a"',
        '"a b"',
        '"ä"',
        "",
        " ",
        "=",
        "=",
        "=",
        "!=",
        "=~",
        "!~",
        "!",
        "~",
        "==",
        "b",
        '"b"',
    ),
    *(
        '"b,c"',
        '""',
        '"x\\"y"',
        '"\\n"',
        '"\\x41"',
        '"\\u00e4"',
        '"\\xff"',
        '"\\q"',
        '"',
        "\\",
        "'",
        "`",
        ",",
        ",",
        "{",
        "}",
        "\n",
        "b c",
    ),
    *("🙂", "(", ".*", "[", "\t", "\u00a0", "$", "^a|b$", "\\d", '"\\\\d"', "a{2}", "\\Q", "\\z"),
)


def random_text(rng):
    if rng.random() < 0.5:
        parts = [
            rng.choice(("a", "ä", '"a b"', '"ä"', "c")),
            rng.choice(OPERATORS),
            rng.choice(PIECES),
            rng.choice(("", "", ",", "}", " ")),
        ]
        text = "".join(parts)
        return "{" + text if rng.random() < 0.3 else text
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(8)))


@pytest.mark.parametrize("syntax", list(Syntax))
def test_random_texts_are_the_same_matchers_or_none(tmp_path, utf8, syntax):
    if not utf8 and syntax is not Syntax.CLASSIC:
        pytest.skip("this amtool knows only the classic syntax")
    rng = random.Random(12)
    feature = [] if syntax is Syntax.FALLBACK or not utf8 else [f"--enable-feature={syntax.value}"]
    path = tmp_path / "alerts.yml"
    accepted = 0
    for _ in range(CASES):
        written = random_text(rng)
        tree = {"route": {"receiver": "r", "routes": [{"matchers": [written]}]}, "receivers": [{"name": "r"}]}
        path.write_text(yaml.safe_dump(tree, allow_unicode=True))
        code, said = amtool("config", "routes", "show", f"--config.file={path}", *feature)
        try:
            found = in_order(parse_matchers(written, syntax))
        except ValueError:
            assert code != 0, (written, said)
            continue
        assert code == 0, (written, found)
        accepted += 1
        inside = "{" + ",".join(map(str, found)) + "}" if found else "default-route"
        assert f"    └── {inside}  receiver: r" in said, (written, said)
    assert accepted >= CASES // 10


RANGES = {
    "weekdays": (
        "monday",
        "monday:friday",
        "friday:monday",
        "Sunday",
        "sunday:saturday",
        "0",
        "monday:tuesday:friday",
        "noday",
        "",
    ),
    "days_of_month": (
        "1",
        "1:5",
        "-1",
        "-3:-1",
        "-1:-3",
        "-1:5",
        "5:-1",
        "0",
        "32",
        "-31:31",
        "1:-28",
        "28:-1",
        "31",
        "x",
        "1:",
    ),
    "months": ("january", "1:3", "march:1", "13", "0", "December", "may:august", "-1", "x"),
    "years": ("2020", "2020:2030", "2030:2020", "x", "-5"),
    "location": ("UTC", "Europe/Berlin", "Mars/Olympus", "America/New_York"),
}
NEVER = ("13", "0", "-1")
"""Months that Alertmanager takes although no time is ever in them."""
CLOCKS = ("00:00", "09:00", "24:00", "23:59", "24:01", "9:00", "12:60", "x")


def interval_specs():
    for name, values in RANGES.items():
        for value in values:
            yield {name: value if name == "location" else [value]}
    for start in CLOCKS:
        yield from ({"times": [{"start_time": start, "end_time": end}]} for end in CLOCKS[1:4])
    yield from ({}, {"times": [{"start_time": "09:00"}]}, {"hours": []}, {"weekdays": "monday"})


def test_time_intervals_are_accepted_and_refused_alike(tmp_path):
    for number, spec in enumerate(interval_specs()):
        tree = {
            "route": {"receiver": "r"},
            "receivers": [{"name": "r"}],
            "time_intervals": [{"name": "t", "time_intervals": [spec]}],
        }
        if spec.get("months", [""])[0] in NEVER:
            with pytest.raises(InvalidAlertingConfig, match="no month"):
                load(yaml.safe_dump(tree))
        else:
            assert_alike(tmp_path / f"{number}.yml", yaml.safe_dump(tree))


BASE = "route: {receiver: r}\nreceivers: [{name: r}]\n"
R = "\nreceivers: [{name: r}]\n"


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        "receivers: [{name: r}]",
        "route: {}" + R,
        "route: {receiver: x}" + R,
        "route: {receiver: r, continue: true}" + R,
        "route: {receiver: r, continue: no}" + R,
        "route: {receiver: r, matchers: [a=b]}" + R,
        "route: {receiver: r, matchers: []}" + R,
        "route: {receiver: r, group_by: ['...', a]}" + R,
        "route: {receiver: r, group_by: ['...']}" + R,
        "route: {receiver: r, group_by: [a, a]}" + R,
        "route: {receiver: r, group_interval: 0s}" + R,
        "route: {receiver: r, repeat_interval: 0s}" + R,
        "route: {receiver: r, group_wait: 0s}" + R,
        "route: {receiver: r, group_wait: 1d2h}" + R,
        "route: {receiver: r, group_wait: 2h1d}" + R,
        "route: {receiver: r, group_wait: 1y}" + R,
        "route: {receiver: r, group_wait: 1.5s}" + R,
        "route: {receiver: r, group_wait: 300y}" + R,
        "route: {receiver: r, routes: [{mute_time_intervals: [x]}]}" + R,
        "route: {receiver: r, mute_time_intervals: [x]}\ntime_intervals: [{name: x}]" + R,
        "route: {receiver: r, active_time_intervals: [x]}\ntime_intervals: [{name: x}]" + R,
        "route: {receiver: r, routes: [{active_time_intervals: [x]}]}\nmute_time_intervals: [{name: x}]" + R,
        "route: {receiver: r, routes: [{match: {a.b: c}}]}" + R,
        "route: {receiver: r, routes: [{match_re: {a: '('}}]}" + R,
        "route: {receiver: r, routes: [{match: {a: 1}}]}" + R,
        "route: {receiver: r, rotes: []}" + R,
        "route: {receiver: r, receiver: r}" + R,
        "route: {receiver: r}\nreceivers: [{name: r}, {name: r}]",
        "route: {receiver: r}\nreceivers: [{name: r}, {}]",
        BASE + "time_intervals: [{name: x}]\nmute_time_intervals: [{name: x}]",
        BASE + "time_intervals: [{time_intervals: []}]",
        BASE + "inhibit_rules: [{source_matchers: [a=b], target_match: {c: d}, target_match_re: {e: f}, equal: [g]}]",
        BASE + "inhibit_rules: [{source_matcher: [a=b]}]",
        BASE + "global: {resolve_timeout: 5m}",
        BASE + "global: {resolve_timeout: 5}",
        "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'http://x/'}]}]",
        "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'ftp://x/'}]}]",
        "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{}]}]",
        "route: {receiver: r}\nreceivers: [{name: r, slack_configs: [{channel: x}]}]",
        "route: {receiver: r}\nreceivers: [{name: r, pagerduty_configs: [{}]}]",
        "route: {receiver: r}\nreceivers: [{name: r, email_configs: [{to: a@b}]}]",
        BASE + "tracing: 1",
        "[]",
    ],
)
def test_configurations_are_accepted_and_refused_alike(tmp_path, text):
    assert_alike(tmp_path / "alerts.yml", text)


def assert_alike(path, text):
    path.write_text(text)
    code, _ = amtool("check-config", path)
    try:
        load(text)
    except InvalidAlertingConfig as error:
        assert code != 0, error
    else:
        assert code == 0, text
