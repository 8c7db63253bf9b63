"""The cache of the label join, written by a process that is killed with -9 at any moment: what is read is a beginning of it."""

import random
import signal
import subprocess
import sys
import time

import pytest

from services.drift.join.segments import Segments

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]
KILLS = 10
WRITER = """
import sys
from pathlib import Path
from services.drift.join.segments import Segments
files = Segments(Path(sys.argv[1]), "ours", maximum_bytes=3_000_000)
number = sum(1 for _ in files.frames())
print(number, flush=True)
while True:
    files.append(number.to_bytes(8, "little") * (1 + 7919 * number % 40_000), number)
    number += 1
"""


def test_a_cache_that_was_killed_while_it_was_written_holds_a_beginning_of_it_and_goes_on(tmp_path):
    rng, length = random.Random(1), 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert int(writer.stdout.readline()) == length  # it goes on where the one before it was killed
            time.sleep(rng.uniform(0.01, 0.1))
            writer.send_signal(signal.SIGKILL)
        frames = list(Segments(tmp_path, "ours").frames())
        assert frames == [n.to_bytes(8, "little") * (1 + 7919 * n % 40_000) for n in range(len(frames))]
        assert len(frames) > length
        length = len(frames)
