"""Pub/sub: agents that talk through channels, wired by declaration.

* ``subscriber``, ``subscribe``, ``channel``: what users write; ``kind``, ``handler_kind``, ``options``, ``filters``,
  ``encoding`` judge it.
* ``wiring``, ``wired``, ``wiring_check``: who reads and publishes what, once all of a system is known.
* ``channels``: ``system.channels``; its verbs are in ``publishing``, ``following``, ``looking``, ``moving``; ``running`` waits
  until nothing is left to do.
* ``hub``: the root in one system, with ``watched``, ``heads``, ``seats``, ``attaching``, ``restarts``, ``left_behind``, ``rest``.
* ``supervisor``: is told what concerns one member; ``deciding`` asks the ``machine``, ``file_news`` is what others have written,
  ``intake`` reads, ``shifts`` are begun, ``batch``, ``uncommitted`` and ``aftermath`` are what is written and what follows.
* ``turns``: where handlers are called.
* ``outbox``, ``shelf``, ``parcel``: what is published from outside of turns, on its way to the file.
* ``ephemeral``, ``fanout``, ``feed``, ``takers``: channels of which nothing is stored.
"""
