"""`python -m services.audit`."""

import sys

from driftline.runtime.process import run_service
from services.audit.app import run
from services.audit.settings import AuditSettings

sys.exit(run_service("audit", AuditSettings, run))
