"""`python -m services.alerting`; `--alone` runs it without Kafka."""

import sys

from services.alerting.app import main

sys.exit(main(sys.argv[1:]))
