"""The audit service: every topic into one tamper-evident ledger, exactly once."""
