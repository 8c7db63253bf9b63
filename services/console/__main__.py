"""`python -m services.console`."""

import sys

from driftline.runtime.process import run_service
from services.console.app import run
from services.console.settings import ConsoleSettings

sys.exit(run_service("console", ConsoleSettings, run))
