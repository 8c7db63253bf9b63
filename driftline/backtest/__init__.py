"""The drift core over files: what production would have decided, without a broker."""
