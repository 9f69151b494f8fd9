"""Runs as their rows hold them: read, put together again, and rebuilt into a machine.

* ``rows``: what the statements give; ``stored_runs``: the runs of one database; ``happened``: their events;
  ``given_answers``: what people have answered; ``cache``: outputs that are known already.
* ``restore``: a machine from its rows. ``starts``, ``lists``, ``stored_inputs``: what attempts are, and were, given.
* ``child_runs``: what the run of a flow inside another is called and starts with; ``shared_rows``: what a fork shares.
"""
