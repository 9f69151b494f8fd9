"""DAG flows: YAML in, a durable run out. A package a subject, the highest first; each knows those below alone.

* ``verbs``: ``system.flows``, what people and programs do with runs. ``replaying``: a failed attempt once more, with nothing
  written.
* ``running``: runs that are open in this process: supervised, let out into the world, taken over, given back.
* ``reports``: what people look at. ``artifacts``: what runs have stored, taken out of the database.
* ``building``, ``loading``: calls in Python, or a flow file, become a definition.
* ``stored``: runs as their rows hold them. ``actions``: what nodes call, and what their attempts may ask of the run.
* ``machine``: one run as a deterministic machine. ``definition``: what a flow is.
"""
