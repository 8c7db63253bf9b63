"""`python -m services.governance`."""

import sys

from driftline.errors import DriftlineError
from services.governance.app import run

try:
    run()
except DriftlineError as error:
    sys.exit(f"governance: {error}")
