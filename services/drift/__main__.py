"""`python -m services.drift --stage all|profile|join|evaluate`."""

import sys

from driftline.runtime.process import run_service
from services.drift.app import run, stages
from services.drift.settings import Settings

chosen = stages(sys.argv[1:])
sys.exit(run_service("drift", Settings, lambda settings, clock: run(chosen, settings, clock)))
