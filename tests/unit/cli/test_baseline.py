"""driftline baseline: a file becomes a reference."""

import json

import pytest

from driftline.cli.baseline import fit_file
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind

CSV = "when,tenure,contract,churn,p\n2013-01-01T00:00:00Z,1,monthly,no,0.1\n2013-01-02T00:00:00Z,,yearly,yes,0.9\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "reference.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def test_columns_get_their_roles_and_kinds(file):
    baseline = fit_file(file, model="m", prediction="churn", score="p", time="when")
    kinds = {column.name: column.kind for column in baseline.columns}
    assert kinds == {
        "tenure": ColumnKind.NUMERIC,
        "contract": ColumnKind.CATEGORICAL,
        ":prediction": ColumnKind.CATEGORICAL,
        ":score": ColumnKind.NUMERIC,
    }
    assert (baseline.rows, baseline.event_from) == (2, 1_356_998_400_000_000)


def test_the_outcome_is_kept_apart_from_the_features(file):
    baseline = fit_file(file, model="m", label="churn")
    assert ":label" in {column.name for column in baseline.columns}


def test_an_empty_field_is_null(file):
    tenure = next(column for column in fit_file(file, model="m").columns if column.name == "tenure")
    assert tenure.counts[0] == 1


def test_the_same_file_gives_the_same_id_and_another_another(file):
    first = fit_file(file, model="m").baseline_id
    assert fit_file(file, model="m").baseline_id == first
    file.write_text(CSV.replace("0.9", "0.8"), encoding="utf-8")
    assert fit_file(file, model="m").baseline_id != first


def test_numbers_can_be_declared_categories(file):
    (column,) = [c for c in fit_file(file, model="m", categorical=frozenset({"p"})).columns if c.name == "p"]
    assert column.kind is ColumnKind.CATEGORICAL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1\n", "line 2 has 1 field"),
        ("a,b\n", "at least one row"),
        ("", "at least one row"),
        ("a\ninf\n", "infinite"),
        ("when,a\nyesterday,1\n", "yesterday"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path, text, says):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says):
        fit_file(path, model="m", time="when" if "when" in text else None)


def test_a_missing_column_is_named_with_those_there_are(file):
    with pytest.raises(ConfigurationError, match="no column 'nope'; it has when, tenure"):
        fit_file(file, model="m", score="nope")


def test_fit_prints_json_and_needs_no_broker_without_publishing(file, command):
    code, out, _ = command("baseline", "fit", file, "--model", "m", "--no-publish", "--json")
    assert code == 0
    assert json.loads(out)["rows"] == 2


def test_publishing_without_a_broker_named_says_which_setting_to_give(file, command, monkeypatch):
    monkeypatch.delenv("DRIFTLINE_KAFKA_BOOTSTRAP", raising=False)
    code, _, err = command("baseline", "fit", file, "--model", "m")
    assert code == 2
    assert "DRIFTLINE_KAFKA_BOOTSTRAP" in err


TIMES = (
    "when,signup,since,note\n2013-01-02T00:00:00Z,2013-01-01T00:00:00Z,1357000000000000,hello\n"
    "2013-01-02T00:00:00Z,,,Gr\u00fc\u00dfe\n"
)


def test_times_are_counted_by_age_and_named_texts_by_length(tmp_path):
    path = tmp_path / "reference.csv"
    path.write_text(TIMES, encoding="utf-8")
    baseline = fit_file(path, model="m", time="when", timestamps=("since",), texts=("note",))
    columns = {column.name: column for column in baseline.columns}
    assert {name: column.kind for name, column in columns.items()} == {
        "signup": ColumnKind.TIMESTAMP,
        "since": ColumnKind.TIMESTAMP,
        "note": ColumnKind.TEXT_LENGTH,
    }
    assert (columns["signup"].counts[0], columns["signup"].sums[3:]) == (1, (86_400.0, 86_400.0))
    assert columns["since"].sums[3] == 1_357_084_800 - 1_357_000_000
    assert columns["note"].sums[3:] == (5.0, 5.0)


def test_a_time_without_event_times_is_a_category_or_a_sentence(tmp_path):
    path = tmp_path / "reference.csv"
    path.write_text(TIMES, encoding="utf-8")
    (signup,) = [column for column in fit_file(path, model="m").columns if column.name == "signup"]
    assert signup.kind is ColumnKind.CATEGORICAL
    with pytest.raises(ConfigurationError, match=r"signup: .*--time"):
        fit_file(path, model="m", timestamps=("signup",))
