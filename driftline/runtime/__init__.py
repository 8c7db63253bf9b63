"""What every service process stands on: the loop, settings, metrics, health, logs, HTTP."""
