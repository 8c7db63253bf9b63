"""What comes along with river's detectors."""

import subprocess
import sys


def test_scikit_learn_does_not_come_along_and_can_be_imported_afterwards():
    script = (
        "import sys; from driftline.drift.detectors.river_detectors import river_detectors\n"
        "river_detectors().ADWIN(); print('sklearn' in sys.modules)\n"
        "import sklearn; print(sklearn is sys.modules['sklearn'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")
