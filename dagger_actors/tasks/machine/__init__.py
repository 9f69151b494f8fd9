"""What one worker decides about the tasks it has leased; pure.

* ``machine``: events in, decisions out; ``events`` has both.
* ``appetite``: how many are claimed; ``ends``: how the end of an attempt is written.
"""
