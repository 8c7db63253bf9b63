"""Stage evaluate: profiles become windows, drift events and state."""
