"""The automated response: what it reads, how it decides, how its actions get out."""
