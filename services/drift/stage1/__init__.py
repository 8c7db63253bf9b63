"""What stages profile and join have in common: the same rows judged alike, the same records written."""
