"""Estimates without labels beside what was realised later, on the data that come with NannyML.

The wheel of nannyml (Apache-2.0) is fetched once by `pip download` and read as data; nothing of it is installed or run. Its own
estimates on the same rows, by version 0.13.1 in chunks of 5,000, are the peer for the car loans. For the used cars the peer
is the estimate of someone who knows nothing of the window: the reference's mean error.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, roc_auc_score

from bench.results import Result, result
from driftline.drift.baseline import fit_baseline
from driftline.drift.calibration.size_aware import compare
from driftline.drift.estimation import ErrorModel, estimate, isotonic
from driftline.drift.joints import cells_of
from driftline.drift.measures.bins import deciles
from driftline.drift.measures.samples import samples
from driftline.events import ColumnKind
from driftline.events.columns import LABEL, PREDICTION

WHEEL = "nannyml==0.13.1"
CACHE = Path(os.environ.get("DRIFTLINE_BENCH_CACHE", Path.home() / ".cache" / "driftline-bench"))
CHUNK_ROWS, CHUNKS = 5_000, 10
NANNYML = {"accuracy": 0.003112, "f1": 0.002575, "auc": 0.002115}
"""Mean absolute distance of CBPE's estimate from the realised value over the ten analysis chunks."""
MOVED = ("car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "y_pred_proba")
WATCHED = (*MOVED, "debt_to_income_ratio", "size_of_downpayment", "driver_tenure", "y_pred")
NUMERIC = ("car_age", "km_driven", "price_new", "accident_count", "door_count")
CATEGORICAL = ("fuel", "transmission")
CELLS = 128


def _wheel() -> Path:
    """The wheel, from the cache or from the package index that pip is configured with."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = sorted(CACHE.glob("nannyml-*.whl"))
    if not found:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--quiet", "--dest", str(CACHE)], check=True
        )
        found = sorted(CACHE.glob("nannyml-*.whl"))
    return found[0]


def _read(wheel: Path, name: str) -> pd.DataFrame:
    with zipfile.ZipFile(wheel) as archive:
        return pd.read_csv(io.BytesIO(archive.read(f"nannyml/datasets/data/{name}.csv")))


def car_loans(wheel: Path) -> list[Result]:
    """CBPE: half of the analysis rows come after a drift of the inputs."""
    reference = _read(wheel, "synthetic_car_loan_reference")
    analysis = _read(wheel, "synthetic_car_loan_analysis").merge(_read(wheel, "synthetic_car_loan_analysis_target"), on="id")
    began = time.process_time()
    sides = _counted(reference.repaid, reference.y_pred_proba)
    calibration = isotonic(sides[0], sides[1])
    distances: dict[str, list[float]] = {name: [] for name in NANNYML}
    held = 0
    estimates = []
    for start in range(0, CHUNK_ROWS * CHUNKS, CHUNK_ROWS):
        chunk = analysis.iloc[start : start + CHUNK_ROWS]
        estimates.append(estimate(calibration, _counted(chunk.y_pred, chunk.y_pred_proba)).values)
    spent = time.process_time() - began
    for at, found in enumerate(estimates):
        chunk = analysis.iloc[at * CHUNK_ROWS : (at + 1) * CHUNK_ROWS]
        realised = {
            "accuracy": float((chunk.y_pred == chunk.repaid).mean()),
            "f1": f1_score(chunk.repaid, chunk.y_pred),
            "auc": roc_auc_score(chunk.repaid, chunk.y_pred_proba),
        }
        for name, value in realised.items():
            each = found[name]
            assert each.value is not None
            distances[name].append(abs(each.value - value))
            held += each.low is not None and each.high is not None and each.low <= value <= each.high
    rows = [
        result(f"car loans: mean |estimated - realised| {name}", float(np.mean(found)), "share", "nannyml CBPE", NANNYML[name])
        for name, found in distances.items()
    ]
    rows.append(result("car loans: realised values within the 95 % interval", held, "of 30", "expected", 28.5))
    rows.append(result("car loans: calibrate 50k, estimate 50k rows", spent, "CPU s", "nannyml CBPE, as stated for 100k", 0.64))
    return rows


def _counted(classes: pd.Series, scores: pd.Series) -> np.ndarray:
    """Scores by cell, of both classes."""
    return np.stack([np.histogram(scores[classes == which], CELLS, (0.0, 1.0))[0] for which in (0, 1)])


def drifted_cells(wheel: Path) -> list[Result]:
    """The same loans, 9 columns x 10 chunks of 5,000: five columns change at row 25,000, nothing before.

    A cell alarms where "PSI is at most 0.02" has p <= 0.01 / 9. An alarm in every cell finds 25 too, with 45 false ones.
    """
    reference, analysis = (_read(wheel, f"synthetic_car_loan_{part}") for part in ("reference", "analysis"))
    alarms = {
        (name, chunk): _beyond(reference[name], analysis[name][chunk * CHUNK_ROWS :][:CHUNK_ROWS], 0.02) <= 0.01 / len(WATCHED)
        for name in WATCHED
        for chunk in range(CHUNKS)
    }
    found = sum(alarm for (name, chunk), alarm in alarms.items() if chunk >= CHUNKS // 2 and name in MOVED)
    false = sum(alarm for (_, chunk), alarm in alarms.items() if chunk < CHUNKS // 2)
    return [
        result("car loans: drifted cells found", found, "of 25", "nannyml, evidently, always-fire", 25),
        result("car loans: false alarms before the change", false, "of 45", "evidently, never-fire (nannyml: 19 of 180)", 0),
    ]


def _beyond(reference: pd.Series, current: pd.Series, tau: float) -> float:
    usual, found = (side.tolist() if side.dtype.kind in "fi" else side.astype(str).tolist() for side in (reference, current))
    before, now = samples(usual, found, None)
    cells = deciles(before, now)
    compared = None if cells is None else compare(*cells, ordered=before.numeric)
    return 1.0 if compared is None else compared.p_beyond(tau)


def used_cars(wheel: Path) -> list[Result]:
    """Errors of a regression: half of the analysis rows come after a drift of the inputs that makes errors smaller."""
    reference = _read(wheel, "regression_synthetic_reference")
    analysis = _read(wheel, "regression_synthetic_analysis").merge(
        _read(wheel, "regression_synthetic_analysis_targets"), on="id"
    )
    names = [*NUMERIC, *CATEGORICAL]
    kinds = {name: ColumnKind.CATEGORICAL if name in CATEGORICAL else ColumnKind.NUMERIC for name in names}
    known = {name: reference[name].to_numpy() for name in names}
    outcome = {PREDICTION: reference.y_pred.to_numpy(float), LABEL: reference.y_true.to_numpy(float)}
    began = time.process_time()
    baseline = fit_baseline("cars", known | outcome, kinds | dict.fromkeys(outcome, ColumnKind.NUMERIC))
    fitted = time.process_time() - began
    (kept,) = baseline.errors
    model = ErrorModel.from_json(kept.model)
    column = next(each for each in baseline.columns if each.name == kept.column)
    cells = cells_of(column, analysis["y_pred" if kept.column == PREDICTION else kept.column].to_numpy())
    realised = np.abs((analysis.y_pred - analysis.y_true).to_numpy(float))
    usual = float(np.abs(outcome[PREDICTION] - outcome[LABEL]).mean())
    ours, dummy = [], []
    size = len(analysis) // CHUNKS
    for start in range(0, size * CHUNKS, size):
        counts = np.bincount(cells[start : start + size], minlength=len(column.counts))
        value = model.estimate(counts).values["mae"].value  # noqa: PD011 # no data frame
        assert value is not None
        truth = float(realised[start : start + size].mean())
        ours.append(abs(value - truth))
        dummy.append(abs(usual - truth))
    return [
        result(
            "used cars: mean |estimated - realised| mae",
            float(np.mean(ours)),
            "euro",
            "the reference's mae",
            float(np.mean(dummy)),
        ),
        result("used cars: fit a baseline of 60k rows x 9 columns (limit 1)", fitted, "CPU s", "limit", 1.0),
    ]


def run() -> list[Result]:
    """Everything; needs the wheel in the cache or a package index."""
    wheel = _wheel()
    return [*car_loans(wheel), *drifted_cells(wheel), *used_cars(wheel)]


if __name__ == "__main__":
    for line in run():
        print(line)
