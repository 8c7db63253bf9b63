"""`driftline backtest` as its user meets it."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from tests.unit.backtest.conftest import made, write_csv

ROOT = Path(__file__).parents[3]
WORDS = ("--time", "at", "--prediction", "predicted", "--score", "score", "--label", "outcome", "--positive", "late")


@pytest.fixture
def run(command):
    return lambda *words: command("backtest", *words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_csv(folder / "reference.csv", made(1, 5, first_day=-5))
    write_csv(folder / "calm.csv", made(2, 5))
    write_csv(
        folder / "moved.csv", {("<b>x" if name == "x" else name): rows for name, rows in made(3, 5, shift_from=2).items()}
    )
    write_csv(folder / "reference_b.csv", {("<b>x" if name == "x" else name): rows for name, rows in made(1, 5).items()})
    return folder


def test_nothing_found_is_exit_0_and_says_so(folder, tmp_path, run):
    code, out, _ = run(folder / "calm.csv", "--reference", folder / "reference.csv", *WORDS, "--out", tmp_path / "o")

    assert code == 0
    assert out.splitlines()[0] == "5 windows of 1 day were decided; none of them alarmed."


def test_drift_is_exit_1_and_leaves_its_files(folder, tmp_path, run):
    out = tmp_path / "results"
    code, told, _ = run(folder / "moved.csv", "--reference", folder / "reference_b.csv", *WORDS, "--out", out, "--json")

    assert code == 1
    assert [alarm["kind"] for alarm in json.loads(told)["alarms"]] == ["feature"]
    tables = {"drift_metrics.csv", "profile_metrics.csv", "psi_summary.csv"}
    assert {path.name for path in out.iterdir()} == tables | {"monitor.yaml", "report.html", "telemetry.json", "windows.jsonl"}
    windows = [json.loads(line) for line in (out / "windows.jsonl").read_text().splitlines()]
    assert [window["n"] for window in windows if window["granularity"] == "1 day"] == [400] * 5


def test_the_telemetry_is_as_its_schema_says(folder, tmp_path, run):
    run(folder / "moved.csv", "--reference", folder / "reference_b.csv", *WORDS, "--out", tmp_path)
    found = json.loads((tmp_path / "telemetry.json").read_text())

    jsonschema.validate(found, json.loads((ROOT / "schemas/json/drift-telemetry.schema.json").read_text()))
    assert next((column["column"], column["level"]) for column in found["columns"]) == ("<b>x", "significant")
    assert [window["columns"]["<b>x"]["level"] for window in found["windows"]] == ["stable"] * 2 + ["significant"] * 3


def test_the_summary_of_psi_has_a_row_for_each_column_the_furthest_first(folder, tmp_path, run):
    run(folder / "moved.csv", "--reference", folder / "reference_b.csv", *WORDS, "--out", tmp_path)
    with (tmp_path / "psi_summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert {row["column_name"] for row in rows} == {"<b>x", "plan", ":prediction", ":score"}
    first, *others = rows
    assert (first["column_name"], first["windows"], first["windows_significant"]) == ("<b>x", "5", "3")
    assert (first["first_significant_window"], first["drift_level"]) == ("2026-01-04", "significant")
    assert all(float(row["max_psi"]) < 0.1 and row["drift_level"] == "stable" for row in others)


def test_a_column_name_cannot_become_markup(folder, tmp_path, run):
    run(folder / "moved.csv", "--reference", folder / "reference_b.csv", *WORDS, "--out", tmp_path)
    page = (tmp_path / "report.html").read_text()

    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page


def test_bad_input_is_exit_2_with_a_sentence(folder, tmp_path, run):
    code, _, err = run(folder / "none.csv", "--reference", folder / "reference.csv", *WORDS, "--out", tmp_path)

    assert (code, err.startswith("driftline: "), "is no file" in err) == (2, True, True)


def test_a_bad_distance_between_rows_is_refused(folder, tmp_path, run):
    words = (folder / "calm.csv", "--reference", folder / "reference.csv", "--out", tmp_path)

    assert "--every" in run(*words, "--every", "often")[2]
    assert "--start" in run(*words, "--every", "1 hour", "--start", "noon")[2]
