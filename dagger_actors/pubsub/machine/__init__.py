"""The pure machine of one member of a group: which message is delivered when, and what is acknowledged.

* ``machine``: events in, decisions out; ``events`` has both.
* ``subscriptions``, ``lanes``, ``cursors``, ``done``: what is read and not done, by key, channel and range.
* ``holding``, ``redoing``, ``ledger``, ``ends``, ``shift_size``: ranges gained and lost, turns told again, and what is written.
"""
