"""Supervised actors: typed handlers, bounded mailboxes, restarts in place, timers, trees in Python and in files."""
