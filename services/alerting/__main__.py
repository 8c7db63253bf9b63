"""`python -m services.alerting`."""

import sys

from driftline.runtime.process import run_service
from services.alerting.app import run
from services.alerting.settings import AlertingSettings

sys.exit(run_service("alerting", AlertingSettings, run))
