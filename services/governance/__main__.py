"""`python -m services.governance`."""

import sys

from driftline.runtime.process import run_service
from services.governance.app import run
from services.governance.settings import GovernanceSettings

sys.exit(run_service("governance", GovernanceSettings, run))
