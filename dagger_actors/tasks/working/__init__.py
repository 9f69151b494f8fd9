"""The worker: tasks leased, done and given back, taken over from those that are gone.

* ``hub``: the root in one system, with ``watched``, ``restarts``, ``takeover``, ``left_behind``, ``stalls``, ``waiters``.
* ``supervisor``: is told what concerns the tasks that this worker has leased; ``deciding`` asks the machine, ``attempt_news``
  is what becomes of attempts, ``hands`` has the bodies, ``batch`` and ``uncommitted`` what is written, ``verdicts`` what an
  end means.
* ``starter``, ``shift``, ``steps``, ``children``: makes the bodies, and answers what they ask.
"""
