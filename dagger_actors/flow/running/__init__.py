"""Runs that are open in this process: opened, supervised, let out into the world, taken over, and given back.

* ``hub``: the root: opens runs and keeps them. One becomes ours by ``claims`` (``openings`` knows those that are about to),
  is put together by ``assembler`` into an ``active`` run, set going from its rows by ``restorer``, and again by ``restarts``
  when its supervisor has crashed.
* ``supervisor``: the actor of one run. ``node_news`` tells its machine of the nodes, ``deciding`` has the machine decide,
  ``draft`` is what it has decided, ``uncommitted`` has the journal write that, and ``emitter`` lets out what follows
  and tells the ``observers``.
* ``starter``, ``wanted``: what attempts are started with, and what they await; ``orders``, ``growing``, ``rejected_work``:
  what they tell their run to do.
* ``children``: runs inside runs that are ``awaited``, by ``errands`` of the root; ``cancelling``, ``leaving``: those that are so
  no more; ``inner_actions``: what runs in them. ``people``: what was answered.
* ``recovery``, ``left_behind``, ``watched``: what other workers leave, and want. ``adrift``: what the disk made us let go.
"""
