"""`python -m services.governance`."""

import sys

from services.governance.app import main

sys.exit(main())
