import pytest

from driftline.alerting.templates.go import in_jinja, is_go


@pytest.mark.parametrize(
    ("go", "jinja"),
    [
        ("[{{ .Status | toUpper }}] {{ .GroupLabels.alertname }}", "[{{ status | upper }}] {{ groupLabels.alertname }}"),
        ("{{- .CommonAnnotations.summary -}}", "{{ commonAnnotations.summary }}"),
        ("{{ range .Alerts }}{{ .Labels.job }}{{ end }}", "{% for alert in alerts %}{{ alert.labels.job }}{% endfor %}"),
        (
            "{{ range .Alerts.Firing }}{{ $.ExternalURL }}{{ end }}",
            '{% for alert in alerts | selectattr("status", "equalto", "firing") | list %}{{ externalURL }}{% endfor %}',
        ),
        ("{{ .Alerts.Firing | len }}", '{{ alerts | selectattr("status", "equalto", "firing") | list | length }}'),
        ('{{ if eq .Status "firing" }}a{{ else }}b{{ end }}', '{% if status == "firing" %}a{% else %}b{% endif %}'),
        (
            "{{ if .CommonLabels.team }}{{ .CommonLabels.team }}{{ end }}",
            "{% if commonLabels.team %}{{ commonLabels.team }}{% endif %}",
        ),
        ("{{ toUpper .Receiver }}", "{{ receiver | upper }}"),
    ],
)
def test_simple_templates_of_go_are_said_in_jinja(go: str, jinja: str) -> None:
    assert is_go(go)
    assert in_jinja(go) == f"in Jinja2 it is {jinja!r}"


def test_of_others_what_can_be_said_is() -> None:
    assert (
        in_jinja('{{ template "x" . }} {{ .CommonLabels.job }}')
        == "write Jinja2: {{ .CommonLabels.job }} is {{ commonLabels.job }}"
    )
    assert in_jinja('{{ template "slack.default.title" . }}').endswith("or remove it for the usual words")


@pytest.mark.parametrize(
    "text",
    [
        '{{ template "x" . }}',
        '{{define "x"}}',
        "{{ end }}",
        "{{- end -}}",
        "{{ $x := 1 }}",
        "{{/* note */}}",
        '{{ printf "%s" 1 }}',
    ],
)
def test_templates_of_go_are_known(text: str) -> None:
    assert is_go(text)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "{{ title }}",
        "{{ range(3) | join }}",
        "{{ not model }}",
        "{{ not (model) }}",
        "{{ index }}",
        "{% if status %}{% endif %}",
        "{{ join }}",
        "{# {{ #}",
    ],
)
def test_texts_in_jinja_are_not_taken_for_go(text: str) -> None:
    assert not is_go(text)
