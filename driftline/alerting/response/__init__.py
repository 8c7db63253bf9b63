"""The automated response: evidence becomes a plan, guards decide about it, its outcome is verified. Pure; time is an argument."""
