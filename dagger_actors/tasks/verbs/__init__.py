"""``system.tasks``: what people and programs do with tasks and jobs.

* ``tasks``: all verbs in one. They are in ``submission``, ``waiting``, ``decisions``, ``jobs``, ``sharing`` and ``at_work``;
  those that only look are in the reports.
"""
