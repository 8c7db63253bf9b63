"""`python -m services.alerting`."""

from services.alerting.app import main

raise SystemExit(main())
