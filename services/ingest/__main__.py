"""`python -m services.ingest`."""

import sys

from driftline.runtime.process import run_service
from services.ingest.app import run
from services.ingest.settings import Settings

sys.exit(run_service("ingest", Settings, run))
