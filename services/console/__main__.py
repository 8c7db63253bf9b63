"""`python -m services.console`."""

import sys

from driftline.errors import DriftlineError
from services.console.app import run

try:
    run()
except DriftlineError as error:
    sys.exit(f"console: {error}")
