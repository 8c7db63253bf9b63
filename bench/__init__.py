"""Every claim about speed, each beside a peer or a limit measured in the same run."""
