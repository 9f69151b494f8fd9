"""DAG flows: YAML in, a durable run out.

* ``loading``, ``building``: a flow file, or calls in Python, become a ``definition``; ``catalog`` and ``registry`` know those
  of a system, and their actions.
* ``flows``: ``system.flows``; its verbs are in ``starting``, ``steering``, ``waiting``, ``looking`` and ``at_work``, and what these
  are done with in ``preparing``, ``fork``, ``taker``, ``control``, ``redo``, ``signalling``, ``following``, ``replaying``.
  ``run`` is the handle of a run; ``archive``, ``stored_runs`` and ``report`` are what the file holds.
* ``hub``: the root in one system: opens runs and keeps them. One becomes ours by ``claims``, is put together by ``assembler``,
  set going from its rows by ``restorer`` and ``restore``, and again by ``restarts`` when its supervisor has crashed;
  ``recovery`` and ``left_behind`` see to what other workers leave.
* ``supervisor``: the actor of one run. ``node_news`` tells its machine of the nodes, ``deciding`` has the ``machine`` decide,
  ``draft`` is what it has decided, ``uncommitted`` has the journal write that, and ``emitter`` lets out what follows.
* ``starter``, ``starts``, ``values``, ``lists``: what attempts are started with; ``context`` is what actions are given, with
  ``run_cache``, ``run_steps``, ``additions``.
* ``children``, ``leaving``, ``awaited``, ``people``, ``given_answers``, ``questions``, ``growing``: runs inside runs, what people
  answer, added nodes.
* ``explanation``, ``run_tree``, ``run_gantt``, ``run_diff``, ``run_picture``, ``html``: what people see of a run.
"""
