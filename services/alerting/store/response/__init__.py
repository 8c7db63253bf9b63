"""What the automated response remembers."""
