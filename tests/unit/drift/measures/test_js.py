"""Jensen-Shannon on counts and histograms."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from driftline.drift.measures.js import js, of_histograms
from tests.unit.drift.measures.cells import counts

# The histograms that tensorflow-data-validation 1.16.1 generate_statistics_from_dataframe makes of the golden samples, and what
# validate_statistics says of them (jensen_shannon_divergence). All cells of a histogram are of one width.
TFDV = {
    "num": (
        0.026173934760625087,
        (
            (-3.6155695045866856, 3.404159722341545),
            *(5.4077224990550805, 25.674075915426467, 110.31793013413014, 268.8176178456082, 494.6722851640808),
            *(553.4093615418369, 358.5434476173951, 132.4705880643148, 40.38151096322774, 10.305460254924828),
        ),
        (
            (-3.520304439463041, 4.015775859715295),
            *(7.363958219706373, 31.76540325425293, 102.81447425864752, 277.4715456875335, 369.32530754633854),
            *(377.38158728987014, 217.55442475045282, 94.09124017315217, 19.91639303702545, 2.315665783020566),
        ),
    ),
    "exp": (
        0.0386012645414333,
        (
            (0.0006858938760704317, 6.985348844377442),
            *(1032.8506077921445, 473.89449371351515, 233.9791737978342, 139.51430928274618, 55.15422600918684),
            *(27.73702705035746, 19.752259323680224, 9.411135265067587, 6.842514259177411, 0.8642535062904808),
        ),
        (
            (0.0011348644332322892, 13.506543263735571),
            *(949.6181277385089, 358.96909949835117, 115.3888988893638, 51.88745405119201, 13.433119400762724),
            *(6.621189522822005, 3.2851354827958974, 0.26565847206781606, 0.26565847206781606, 0.26565847206781573),
        ),
    ),
}


def histogram(ends, *rows):
    low, high = ends
    return np.linspace(low, high, len(rows) + 1), np.array(rows)


def test_js_is_scipys_distance_to_base_2():
    p, q = counts(0, 10, 30), counts(10, 10, 5)
    assert js(p, q) == pytest.approx(jensenshannon(p / 40, q / 25, base=2), abs=1e-14)


def test_what_has_nothing_in_common_is_1_apart():
    assert js(counts(7, 0), counts(0, 9)) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("sample", TFDV)
def test_the_divergence_of_two_histograms_is_tfdvs(sample):
    value, reference, current = TFDV[sample]
    assert of_histograms(histogram(*reference), histogram(*current)) == pytest.approx(value, rel=1e-9)
