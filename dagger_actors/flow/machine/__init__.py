"""One run as a deterministic machine: events in, rows and effects out; no clock, thread, disk or log.

* ``machine``: what each event leads to; ``events`` and ``decisions`` are what it is told and what it answers, ``orders`` what
  hooks and people tell a run to do.
* ``book``: all that it knows of the run: how it stands itself (``standing``), its ``invocations``, and what of them begins
  next (``queue``).
* ``opening``, ``attempts``, ``ends``, ``finishing``, ``awaiting``, ``children``, ``calls``, ``commands``, ``growth``,
  ``revived``: the rules, one subject each.
"""
