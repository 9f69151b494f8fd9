"""Pictures of flows and of runs: a ``Picture`` is made once, and each writer turns it into one format."""
