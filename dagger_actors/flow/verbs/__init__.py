"""``system.flows``: what people and programs do with runs, whoever has them.

* ``flows``: all verbs in one. They are in ``starting``, ``steering``, ``waiting`` and ``at_work``; those that only look are
  in the reports. ``run`` is the handle of a run.
* What they are done with: ``preparing`` for a start, ``fork`` and ``forking``, ``redo`` for a retry, ``signalling`` for
  answers, ``control`` for pauses and cancels (``telling`` reaches whoever has a run), ``taker`` for whatever is opened here,
  ``following`` for events.
* ``catalog``: the flows that a system knows, and the code that a stored run needs; ``caller``: what threads wait for.
"""
