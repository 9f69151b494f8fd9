"""Worker processes for ``isolation: process``: spawned when first needed, kept, recycled, killed, dead with their parent.

A worker is ``python -c`` with one end of a socket pair. One thread of the parent looks after it while an attempt runs: it
sends the start with its inputs resolved, then answers requests and takes progress, logs and the end. A worker opens no
database. Each has a connection of its own, so killing one can harm no other; it is killed by process group with SIGKILL.
It dies with its parent: PR_SET_PDEATHSIG, and a thread that reads a pipe which only the parent holds open.
"""
