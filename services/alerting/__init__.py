"""The alerting service: drift events become alerts, alerts become notifications."""
