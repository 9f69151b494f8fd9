"""The task system: work that is made at run time, done by agents, leased by any number of processes on one file."""
