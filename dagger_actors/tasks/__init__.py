"""Tasks: work that is made at run time, leased by workers, done by agents, with dependencies that grow while they run.

* ``agent``, ``context``, ``growth``, ``results``: what users write, and what they are given; ``kind`` and ``options`` judge it.
* ``tasks``: ``system.tasks``; its verbs are in ``submission``, ``waiting``, ``looking``, ``decisions``, ``jobs``, ``sharing``.
* ``hub``: the root in one system, with ``watched``, ``restarts``, ``takeover``, ``stalls``, ``waiters``; ``registry`` has its
  agents.
* ``supervisor``: is told what concerns the tasks that this worker has leased; ``deciding`` asks the ``machine``,
  ``attempt_news`` is what becomes of attempts, ``hands`` has the bodies, ``batch`` and ``uncommitted`` what is written.
* ``starter``, ``shift``, ``steps``, ``children``: makes the bodies, and answers what they ask.
"""
