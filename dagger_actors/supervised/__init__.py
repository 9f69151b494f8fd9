"""Supervised actors: typed handlers, bounded mailboxes, restarts in place, timers, trees in Python and in files.

* ``actor``, ``handlers``, ``spec``, ``context``, ``ref``: what users write, and what they are given.
* ``actors``: ``system.actors``; ``house`` is what all actors of a system share, ``spawning`` brings them into being.
* ``cell``: one actor; it is a ``lifecycle`` of incarnations, an ``awaiter`` of coroutines, and a ``mailbox``, with ``overflow``
  when that is full.
* ``supervisor``, ``nursery``, ``family``: parents; the rules are in ``core.supervision``.
* ``durable``, ``committing``, ``effects``, ``state_codec``: actors whose turns commit before anybody sees what they did.
* ``timing``, ``watches``, ``pool``, ``names``, ``undelivered``, ``circles``, ``stuck``, ``crowding``: one thing each.
* ``files``: system files, read and resolved; they know the rest, and nothing of the rest knows them.
"""
