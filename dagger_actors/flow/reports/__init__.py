"""What people look at of runs: reports, explanations, trees, charts and pictures.

* ``archive``: all that a database holds of runs; ``looking``: the same as verbs of ``system.flows`` and of a reader that
  changes nothing.
* ``report``: what a run did, made of ``rows``. Laid over its definition's graph by ``standings``, told in sentences by
  ``explanation``, ``hindrances`` and ``attempt_wording``, drawn by ``run_picture``, ``run_gantt`` and ``run_tree``, compared
  by ``run_diff``.
* ``questions``, ``logs``: what people are asked, and what attempts have said.
"""
