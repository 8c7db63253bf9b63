"""`python -m services.drift --stage all|profile|join|evaluate`."""

import argparse
import sys

from driftline.errors import DriftlineError
from services.drift.app import run
from services.drift.settings import Stage

parser = argparse.ArgumentParser(prog="python -m services.drift", description="Count, join and decide.")
parser.add_argument("--stage", choices=["all", *(stage.value for stage in Stage)], default="all")
chosen = parser.parse_args().stage
try:
    sys.exit(run(list(Stage) if chosen == "all" else [Stage(chosen)]))
except DriftlineError as error:
    sys.exit(f"drift: {error}")
