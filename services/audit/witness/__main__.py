"""`python -m services.audit.witness`."""

import sys

from driftline.runtime.process import run_service
from services.audit.witness.app import run
from services.audit.witness.settings import WitnessSettings

sys.exit(run_service("witness", WitnessSettings, run))
