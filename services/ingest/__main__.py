"""`python -m services.ingest`."""

import sys

from driftline.errors import DriftlineError
from services.ingest.app import run

try:
    run()
except DriftlineError as error:
    sys.exit(f"ingest: {error}")
