import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerting.templates.context import NAMES
from driftline.alerting.templates.own_texts import OwnTexts, TextFault
from driftline.alerting.templates.rendering import LONGEST, Texts, check_library
from driftline.alerting.templates.sample import context_of, sample_contexts
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import EXAMPLE, HARM

_BIG = "{% set big %}{% for i in range(90) %}" + "x" * 1_000 + "{% endfor %}{% endset %}"


def rendered(source: str, *, field: str = "text", library: dict[str, str] | None = None, **changes: Any) -> str:
    known = context_of([alert(**{**EXAMPLE, **changes})])
    return Texts(OwnTexts({field: source}, library or {})).render(field, known)


def fault(source: str, **options: Any) -> TextFault:
    with pytest.raises(TextFault) as raised:
        rendered(source, **options)
    return raised.value


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ status }} {{ priority }} {{ risk }} {{ model }}", "firing high 75.5/100 telecom.prod.churn_model"),
        ("{{ commonLabels.alertname }} {{ commonLabels['priority'] | upper }}", "performance_degradation HIGH"),
        ("{% for alert in alerts %}{{ loop.index }} {{ alert.labels.severity }}{% endfor %}", "1 HIGH"),
        ("{% for name, value in groupLabels.items() %}{{ name }}={{ value }}{% endfor %}", "alertname=performance_degradation"),
        ("{{ groupLabels | items | list | length }}{{ groupLabels | dictsort | first | first }}", "1alertname"),
        ("{{ columns | join('; ') }}", "f1 = 0.61 (limit 0.65)"),
        ("{{ alerts | map(attribute='status') | unique | join(', ') }}", "firing"),
        ("{{ alerts | selectattr('status', 'equalto', 'resolved') | list | length }}", "0"),
        ("{{ commonLabels.team | default('nobody') }} {{ commonLabels.get('team', 'none') }}", "nobody none"),
        ("{% if commonLabels.team is defined %}x{% else %}y{% endif %}", "y"),
        ("{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
        ("{{ 'a' ~ 1 ~ 'b' }} {{ 'a' + 'b' }} {{ 7 % 4 * 2 }} {{ 2.567 | round(1) }}", "a1b ab 6 2.6"),
        ("{{ title[:5] }}{{ 'a-b'.split('-')[1] }}{{ 'aXa' | replace('a', 'b') }}", "ModelbbXb"),
        ("{% macro line(x) %}<{{ x }}>{% endmacro %}{{ line(status) }}", "<firing>"),
        ("[{{ alerts[0].endsAt }}]", "[]"),
        ("{% set x, y = 1, 2 %}{{ x in [1, 2] and y }}", "2"),
    ],
)
def test_texts_say_what_the_notification_holds(source: str, said: str) -> None:
    assert rendered(source) == said


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ commonLabels.__class__ }}",
        "{{ alerts.append(1) }}",
        "{{ commonLabels.pop('priority') }}",
        "{{ commonLabels.update }}",
        "{{ range.__globals__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ context }}",
        "{{ environment }}",
        "{{ loop }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ lipsum(9) }}",
        "{{ title | attr('__class__') }}",
        "{{ alerts | map(attribute='__class__') | join }}",
        "{{ alerts | sort(attribute='__class__') | join }}",
        "{{ alerts | map('attr', '__class__') | join }}",
        "{% macro m() %}{{ varargs }}{% endmacro %}{{ m(1) }}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{% set ns = namespace() %}{{ ns.__class__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s' % alerts }}",
        '{% include "/etc/passwd" %}',
        '{% import "/etc/passwd" as it %}',
        "{% import '../' ~ title as it %}",
        '{% extends "/etc/passwd" %}',
        "{% block x %}{% endblock %}",
        "{% autoescape false %}{{ title }}{% endautoescape %}",
        "{{ title | safe }}",
        "{{ alerts }}",
        "{{ {'a': 1} }}",
        "{{ nothing }}",
        "{{ commonLabels.nothing }}",
        "{{ 1 // 0 }}",
        "{{ 'a' + 1 }}",
        "{{",
        "{% for %}",
        "{" + "{(" * 500,
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "9" * 5_000 + " }}",
    ],
)
def test_nothing_else_can_be_reached(source: str) -> None:
    assert fault(source).problem


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(1000000000) %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 1.5 | round(1000000000, 'ceil') }}",
        "{{ range(1000) | join('x' ~ range(1000) | join('xxxxxxxxxx')) }}",
        "{% set ns = namespace(x='aaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='aaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='aa') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='aa') %}{% for i in range(60) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{% set ns = namespace(x=9) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% macro m(n) %}" + "x" * 10_000 + "{% endmacro %}{% for i in range(1000) %}{% set x = m(1) %}{% endfor %}",
        "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ a | length }}",
        "{% set a = ['x'] %}" + "{% set a = ['', ''] | map('default', a, true) | list %}" * 60 + "{{ a | upper }}",
        "{{ alerts | join(attribute='labels') }}",
        _BIG + "{% for i in range(1000) %}{% for j in range(90) %}{% if big ~ 'x' in big %}{% endif %}{% endfor %}{% endfor %}",
        _BIG + "{% for i in range(1000) %}{% for j in range(90) %}{% if big in big %}{% endif %}{% endfor %}{% endfor %}",
        _BIG + "{% for i in range(1000) %}{% for j in range(90) %}{% if big[1:] %}{% endif %}{% endfor %}{% endfor %}",
        _BIG + "{% for i in range(1000) %}{% for j in range(90) %}{% if big.split('z') %}{% endif %}{% endfor %}{% endfor %}",
        "{{ alerts | map('upper') | join }}",
        "{% for x in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
        "{{ range(1000) | map('replace', '1', title ~ title) | join | length }}" * 20,
        "x" * 20_001,
    ],
)
def test_no_text_works_without_end(source: str) -> None:
    began = time.process_time()
    assert fault(source).problem
    assert time.process_time() - began < 2


def test_a_text_is_cut_while_it_renders_and_a_page_is_refused() -> None:
    endless = "{% for a in range(100) %}" + "x" * 500 + "{% endfor %}"
    assert rendered(endless) == "x" * LONGEST
    assert "HTML" in fault(endless, field="html").problem


def test_as_many_alerts_as_a_notification_holds_may_be_said_in_full() -> None:
    many = context_of([alert(f"a{number}", **{**EXAMPLE, "details": "x" * 2_000}) for number in range(20)])
    source = "{% macro m(a) %}{{ a.details | trim | upper }}{{ a.title ~ a.risk }}{% endmacro %}{% set it %}{% for a in alerts %}{{ m(a) }}{% endfor %}{% endset %}{{ it }}"
    assert len(Texts(OwnTexts({"text": source}, {})).render("text", many)) == LONGEST


def test_a_title_is_one_line_and_a_text_keeps_its_lines() -> None:
    assert rendered("{{ title }}\n\n{{ priority }}\r\n", field="title", title="a\u2028b") == "a b high"
    assert rendered("a\n{% if true %}\nb\x00\n{% endif %}\n\nc\n") == "a\nb \n\nc"


@pytest.mark.parametrize("harm", HARM)
def test_values_are_escaped_in_html_whatever_is_done_to_them(harm: str) -> None:
    source = "<b>{{ title }}</b>{{ title | upper }}{{ title ~ title }}{{ [title, title] | join('|') }}{{ title | replace('a', 'b') }}"
    if len(harm) > 200:
        harm = harm[:200]
    inside = rendered(source, field="html", title=harm).removeprefix("<b>").replace("</b>", "", 1)
    assert not set(inside) & set("<>\"'")


def test_macros_come_from_the_library_alone() -> None:
    library = {"m.j2": "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}\n{% set sign = '!' %}"}
    assert rendered('{% import "m.j2" as m %}{{ m.bold(status) }}{{ m.sign }}', library=library) == "<b>firing</b>!"
    assert (
        rendered('{% from "m.j2" import bold %}{{ bold(title) }}', field="html", library=library, title="<i>")
        == "<b>&lt;i&gt;</b>"
    )
    wrong = fault('{% import "n.j2" as m %}', library=library)
    assert wrong.problem == "imports n.j2, which is none of the templates: m.j2"


def test_a_fault_names_its_line_and_its_file() -> None:
    assert fault("a\nb {{ nothing }}").line == 2
    assert fault("a\nb {{ commonLabels.nothing }}").line == 2
    assert fault("a\nb {% if %}").line == 2
    library = {"m.j2": "\n{% macro m(x) %}\n{{ x.y }}\n{% endmacro %}"}
    inside = fault('{% import "m.j2" as m %}{{ m.m(commonLabels) }}', library=library)
    assert (inside.file, inside.line) == ("m.j2", 3)
    (bad,) = check_library({"m.j2": "\n{% macro %}", "n.j2": "x"})
    assert (bad.file, bad.line) == ("m.j2", 2)
    (unknown,) = check_library({"m.j2": "{% macro m(x) %}\n{{ y }}{% endmacro %}"})
    assert (unknown.file, unknown.line) == ("m.j2", 2)


def test_a_context_is_plain_and_holds_what_is_documented() -> None:
    for known in (context_of([alert(**EXAMPLE)]), *sample_contexts()):
        assert known.keys() == NAMES
        assert json.loads(json.dumps(known)) == known


def test_a_label_may_be_called_like_a_method() -> None:
    labels = {"alertname": "a", "items": "i", "get": "g", "__class__": "c"}
    assert (
        rendered("{{ alerts[0].labels.items }}{{ alerts[0].labels.get }}{{ alerts[0].labels['__class__'] }}", labels=labels)
        == "igc"
    )


@given(st.text(max_size=300))
@settings(max_examples=150)
def test_any_text_renders_or_has_a_fault(source: str) -> None:
    try:
        said = rendered("{{" + source + "}}")
    except TextFault as wrong:
        assert wrong.problem
    else:
        assert isinstance(said, str)
