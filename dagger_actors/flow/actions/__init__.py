"""What nodes call: actions, found by their names, and what their attempts may ask of the run.

* ``registry``: the actions of a system or a run; ``loaded``: their code as it was read; ``run_actions``: those of a stored
  run.
* ``context``: what an action is given, with ``run_cache`` and ``additions``; ``commands``: what a hook returns.
"""
