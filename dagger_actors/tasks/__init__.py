"""Tasks: work that is made at run time, leased by workers, done by agents, with dependencies that grow while they run.

* ``verbs``: ``system.tasks``, what people and programs do with tasks and jobs.
* ``working``: the worker: tasks leased, done and given back, taken over from those that are gone.
* ``agents``: what users write to do tasks, how that is read, and what a body may ask of its attempt.
* ``handles``: tasks as whoever has one sees them. ``reports``: what people look at.
* ``machine``: what one worker has leased, as a deterministic machine.
"""
