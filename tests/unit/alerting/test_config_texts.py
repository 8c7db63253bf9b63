import subprocess
import sys
from collections.abc import Mapping

import pytest

from driftline.alerting.config import load
from driftline.alerting.errors import Fault, InvalidAlertingConfig
from driftline.alerting.routing import ChannelSpec

KEY = "0123456789abcdef0123456789abcdef"
MACROS = {"m.j2": "{% macro line(alert) %}{{ alert.title }}{% endmacro %}"}


def read(pattern: str) -> Mapping[str, str]:
    if pattern == "*.j2":
        return MACROS
    raise ValueError(f"there is no file {pattern}")


def channel(section: str, fields: str, top: str = "") -> ChannelSpec:
    text = f"route: {{receiver: a}}\n{top}\nreceivers:\n  - name: a\n    {section}:\n      - {fields}\n"
    return load(text, templates=read).receivers["a"].channels[0]


def faults(section: str, fields: str, top: str = "") -> list[Fault]:
    with pytest.raises(InvalidAlertingConfig) as refused:
        channel(section, fields, top)
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("section", "address", "texts"),
    [
        ("slack_configs", "api_url: https://s/", ("title", "text")),
        ("pagerduty_configs", f"routing_key: {KEY}", ("description",)),
        ("msteamsv2_configs", "webhook_url: https://t/", ("title", "text")),
        ("email_configs", "to: a@x, from: b@x, smarthost: 'm:25'", ("subject", "text", "html")),
        ("apprise_configs", "url: 'discord://id/token'", ("title", "text")),
    ],
)
def test_receivers_have_the_texts_of_their_channel(section: str, address: str, texts: tuple[str, ...]) -> None:
    spec = channel(section, "{" + address + "".join(f", {name}: '{{{{ status }}}}'" for name in texts) + "}")
    assert spec.texts is not None
    assert dict(spec.texts.sources) == dict.fromkeys(texts, "{{ status }}")
    assert not set(texts) & set(spec.options)
    assert channel(section, "{" + address + "}").texts is None


def test_the_subject_of_a_mail_may_stand_among_its_headers() -> None:
    address = "to: a@x, from: b@x, smarthost: 'm:25'"
    spec = channel("email_configs", f"{{{address}, headers: {{Subject: '{{{{ model }}}}'}}}}")
    assert spec.texts is not None
    assert dict(spec.texts.sources) == {"subject": "{{ model }}"}
    (other,) = faults("email_configs", f"{{{address}, headers: {{Bcc: all@x}}}}")
    assert other.field.endswith("headers.Bcc")
    (twice,) = faults("email_configs", f"{{{address}, subject: x, headers: {{Subject: y}}}}")
    assert "keep one" in twice.problem


@pytest.mark.parametrize("section", ["webhook_configs", "splunk_hec_configs"])
def test_what_is_data_has_no_texts(section: str) -> None:
    address = "{url: https://h/, text: x}" if section == "webhook_configs" else "{url: https://h/, token: t, text: x}"
    (fault,) = faults(section, address)
    assert fault.field.endswith(".text")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ nothing }}", "nothing is unknown; known are alerts"),
        ("{% if status == 'never' %}{{ nothing }}{% endif %}", "nothing is unknown"),
        ("{{ alerts[0].nothing }}", "there is no 'nothing'"),
        ("{% if status == 'resolved' %}{{ alerts[7].title }}{% endif %}", "has no element 7"),
        ("{{ status", "is not understood"),
        ("{% import 'x' as y %}", "imports x, which is none of the templates"),
        ("{% include '/etc/passwd' %}", "include is not supported"),
        ("{{ ''.__class__ }}", "no attribute '__class__'"),
        ("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", "works too long"),
        ("{{ .CommonLabels.job }}", "template of Go, which is not supported; in Jinja2 it is '{{ commonLabels.job }}'"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_when_it_is_read(text: str, problem: str) -> None:
    (fault,) = faults("slack_configs", f'{{api_url: https://s/, title: "{text}"}}')
    assert (fault.field, fault.line) == ("receivers[0].slack_configs[0].title", 6)
    assert problem in fault.problem


def test_labels_that_no_sample_has_may_be_asked_for() -> None:
    channel("slack_configs", "{api_url: https://s/, title: '{{ commonLabels.team }}{{ alerts[0].annotations.x.upper() }}'}")


def test_the_line_is_that_of_the_text() -> None:
    (fault,) = faults("slack_configs", "api_url: https://s/\n        text: |\n          fine\n          {{ nothing }}")
    assert fault.line == 9
    (folded,) = faults("slack_configs", 'api_url: https://s/\n        text: "fine\\n{{ nothing }}"')
    assert folded.line == 7
    assert "line 2 of the text" in folded.problem


def test_texts_import_from_the_files_of_the_configuration() -> None:
    text = "{api_url: https://s/, text: '{% import \"m.j2\" as m %}{{ m.line(alerts[0]) }}'}"
    spec = channel("slack_configs", text, "templates: ['*.j2']")
    assert spec.texts is not None
    assert spec.texts.library == MACROS
    assert "there is no file m.txt" in faults("slack_configs", "{api_url: https://s/}", "templates: [m.txt]")[0].problem
    assert "earlier file" in faults("slack_configs", "{api_url: https://s/}", "templates: ['*.j2', '*.j2']")[0].problem


def test_the_files_themselves_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MACROS, "m.j2", '{{ define "x" }}')
    assert "template of Go" in faults("slack_configs", "{api_url: https://s/}", "templates: ['*.j2']")[0].problem
    monkeypatch.setitem(MACROS, "m.j2", "\n{% macro %}")
    (fault,) = faults("slack_configs", "{api_url: https://s/}", "templates: ['*.j2']")
    assert (fault.source, fault.line) == ("m.j2", 2)


def test_jinja_is_loaded_only_where_there_are_texts() -> None:
    program = (
        "import sys; from driftline.alerting.config import load\n"
        "load('route: {receiver: a}\\nreceivers: [{name: a, slack_configs: [{api_url: https://s/}]}]')\n"
        "import services.alerting.adapters.channels.registry\n"
        "sys.exit('jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
