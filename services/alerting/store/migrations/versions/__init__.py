"""One module per revision, its name in the order of the chain."""
