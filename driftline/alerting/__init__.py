"""From events to notifications: what is an alert, where it goes, when it is sent, and what it says. Pure."""
