"""Whether this process is a worker: a script that is imported here must not open a system of its own meanwhile."""

is_worker = False
