"""Tasks: work that is made at run time, leased by workers, done by agents, with dependencies that grow while they run."""
